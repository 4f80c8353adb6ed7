# Conversations find their agents: whose turn it is, who is passed over, the
# way back to the queue, the place in the line, and who is away by himself.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Sql::Session;
use ChatTest::WebSocket;

my $nginx = ChatTest::Nginx->new(workers => 2)->start;
my $api = '/support/v1';
my ($dana, $sam, $erik) = map { agent($_) } qw(dana sam erik);
my $n = 0;

sub settings {
    is(psql('SELECT outcome FROM chat.site_settings_put_1('
            . quote(site()) . ', ' . quote(json_encode({assignment => $_[0]}))
            . ')'), 'ok', "policy $_[0]{policy}");
}

# as if the agents had streams for the next hour, and nobody else any

sub here {
    psql("UPDATE chat.tick_state SET since = now() - interval '1 h'");
    psql('DELETE FROM chat.agent_seen WHERE site = ' . site_id());
    psql('INSERT INTO chat.agent_seen (site, agent, seen_at) VALUES '
         . join(', ', map { '(' . site_id() . ", '$_', "
                            . "now() + interval '1 hour')" } @_)) if @_;
}

sub set {
    my ($agent, %what) = @_;
    psql('UPDATE chat.agent SET ' . join(', ', map { "$_ = "
             . (defined $what{$_} ? quote($what{$_}) : 'NULL') }
             sort keys %what) . " WHERE id = '$agent'");
}

# as if the agent had been given one then

sub turn {
    my ($agent, $ago) = @_;
    psql('INSERT INTO chat.routed (site, agent, at) VALUES (' . site_id()
         . ", '$agent', now() - interval '$ago') ON CONFLICT (agent, site) "
         . 'DO UPDATE SET at = excluded.at');
}

# a conversation of a new visitor, or of that one

sub talk { return conversation($_[0] // 'v' . ++$n) }

sub assignee {
    return psql("SELECT assignee FROM chat.conversation WHERE id = '$_[0]'");
}

sub assigned { my ($id) = @_; wait_until { assignee($id) } }

sub resolve_all {
    psql("UPDATE chat.conversation SET status = 'resolved', "
         . 'waiting_since = NULL WHERE site = ' . site_id());
}

sub tick { psql('SELECT count(*) FROM chat.tick_2()') }


# by default nobody is given anything

here($dana);

my $first = talk();

tick();
is(assignee($first), '', 'without a policy it waits for somebody to take it');
is(psql("SELECT count(*) FROM chat.queue WHERE conversation = '$first'"), 0,
   'and stands in no line');
resolve_all();


# in turn

settings({policy => 'round_robin'});
here($dana, $sam);
turn($dana, '2 hours');
turn($sam, '1 hour');

my @talks = map { my $id = talk(); assigned($id); $id } 1 .. 4;

is_deeply([map { assignee($_) } @talks], [$dana, $sam, $dana, $sam],
          'agents who are there get them in turn');
is(psql("SELECT type || internal || sender_kind || (data -> 'assignee' ->> "
        . "'name') FROM chat.event WHERE conversation = '$talks[0]' "
        . 'AND seq = 2'), 'assignmenttruesystemDana', 'as an event');
is(contains($nginx->client(agent => 'dana')
                  ->get("$api/conversations/$talks[0]")->json,
            {assignee => {name => 'Dana'}, version => 2, queue => undef}),
   undef, 'which the conversation shows');


# who is passed over

set($dana, capacity => 2);
is(assigned($_), $sam, 'who is full is passed over') for map { talk() } 1, 2;

set($dana, capacity => undef, availability => 'busy');
is(assigned($_), $sam, 'who is busy too') for map { talk() } 1, 2;

set($dana, availability => 'online', disabled_at => '2026-01-01');
is(assigned(talk()), $sam, 'and who is disabled');
set($dana, disabled_at => undef);


# the fewest

settings({policy => 'least_loaded'});
is(assigned($_), $dana, 'who has the fewest is given the next')
    for map { talk() } 1 .. 3;


# who is known

resolve_all();
turn($dana, '0');
is(assigned(my $again = talk('carla')), $sam, 'a visitor gets an agent');
psql("UPDATE chat.conversation SET status = 'resolved' WHERE id = '$again'");
talk() for 1, 2;
turn($sam, '0');
is(assigned(talk('carla')), $sam, 'and the same one for the next');
set($sam, availability => 'away');
is(assigned(talk('carla')), $dana, 'unless he is not there');
set($sam, availability => 'online');


# teams

resolve_all();

my $team = uuid('team');

psql("INSERT INTO chat.team (site, id, name, assignment) VALUES ("
     . site_id() . ", '$team', 'Billing', NULL)");
psql("INSERT INTO chat.team_member (site, team, agent) VALUES ("
     . site_id() . ", '$team', '$erik')");

my $billing = talk();

wait_until { assignee($billing) };
here($dana, $sam, $erik);
is($nginx->client(agent => 'dana')
         ->patch("$api/conversations/$billing",
                 {team => $team, assignee => undef})->status, 200,
   'a conversation is passed on to a team');
is(assigned($billing), $erik, 'a member of which gets it');
set($erik, capacity => 1);
psql("UPDATE chat.team SET assignment = 'manual' WHERE id = '$team'");

my $by_hand = talk();

psql("UPDATE chat.conversation SET team = '$team', assignee = NULL
       WHERE id = '$by_hand'");
tick();
is(assignee($by_hand), '', 'a team may have another policy than its site');


# many at once

resolve_all();
set($_, capacity => 5) for $dana, $sam, $erik;
set($erik, availability => 'away');

my @session = map { ChatTest::Sql::Session->new(ChatTest::postgres()) } 1, 2;
my @many = map { talk() } 1 .. 8;

for (1 .. 5) {
    $_->send('SELECT count(*) FROM chat.tick_2()') for @session;
    $_->result for @session;
}

wait_until { !grep { !assignee($_) } @many };
is(psql('SELECT count(*) FROM chat.event WHERE type = \'assignment\' AND '
        . 'conversation IN (' . join(', ', map { quote($_) } @many) . ')'),
   8, 'each is assigned once, however many work at it');
is(psql('SELECT string_agg(n::text, \',\') FROM (SELECT count(*) AS n FROM '
        . "chat.conversation WHERE site = " . site_id()
        . " AND status = 'open' GROUP BY assignee) t"), '4,4', 'evenly');


# the line

my ($last, @line) = map { talk() } 1 .. 5;

ok((wait_until { assigned($last) && assignee($line[0]) }),
   'there is room for two more');
shift @line;

sub place {
    my ($label, $id) = @_;
    return $nginx->client(visitor => $label)
                 ->get("$api/conversations/$id")->json->{queue};
}

my @who = map { 'v' . ($n - 2 + $_) } 0 .. 2;

wait_until { psql('SELECT count(*) FROM chat.queue WHERE site = '
                  . site_id()) == 3 };

# of those before, who stood in the line between two looks at it
psql('DELETE FROM chat.queue_past WHERE site = ' . site_id());

is_deeply([map { place($who[$_], $line[$_]) } 0 .. 2],
          [map { {position => $_, wait => undef} } 1 .. 3],
          'the others stand in a line, nobody knows for how long');

my $ws = ChatTest::WebSocket->new(port => $nginx->port, visitor => $who[1]);
my $state = $ws->ask(type => 'subscribe', conversation => $line[1])->{state};

is_deeply($state->{queue}, {position => 2, wait => undef},
          'a visitor who subscribes is told');

my $poll = $nginx->client(visitor => $who[2]);
my $version = sub {
    my ($wait, $version) = @_;
    return $poll->get("$api/stream?conversation=$line[2]&since="
                      . cursor(1) . "&wait=$wait"
                      . ($version ? "&state=$version" : ''))
                ->json->{state};
};
my $before = $version->(0);

is($before->{queue}{position}, 3, 'and one who polls');

psql('INSERT INTO chat.queue_past (site, place, waited, at) VALUES '
     . join(', ', map { '(' . site_id() . ", 2, $_, now())" } 60, 180, 900));

is(contains($ws->next('queue', 30), {position => 2, wait => 180,
                                     conversation => $line[1]}), undef,
   'the median of recent waits for a place, times the place');

psql("UPDATE chat.conversation SET status = 'resolved', waiting_since = NULL
       WHERE id = '$line[0]'");
is(contains($ws->next('queue', 30), {position => 1, wait => 120}), undef,
   'he moves up, and hears of it');

my $now;

ok((wait_until {
        $now = $version->(5, $before->{version});
        $now->{queue} && $now->{queue}{position} == 2;
    }), 'who polls sees it too');
isnt($now->{version}, $before->{version}, 'as another version of the state');

set($dana, capacity => 6);
is(contains($ws->next('queue', 30), {position => undef, wait => undef}),
   undef, 'he is taken out of the line');
is(assignee($line[1]), $dana, 'and given to an agent');
is(psql('SELECT count(*) FROM chat.queue_past WHERE site = ' . site_id()), 4,
   'how long that took is remembered');
is(place($who[1], $line[1]), undef, 'he has no place any more');
$ws->close;


# back to the queue

resolve_all();
set($_, capacity => undef) for $dana, $sam, $erik;
set($sam, availability => 'away');
here($dana);

my ($open, $answered) = map { talk() } 1, 2;

assigned($_) for $open, $answered;
message($answered, 'agent dana', 'one moment');

# as after an outage, or when PostgreSQL has crashed

psql("UPDATE chat.tick_state SET last = now() - interval '11 s'");
psql('DELETE FROM chat.agent_seen WHERE site = ' . site_id());
tick();
is(assignee($open), $dana, 'nobody is absent who had no time to say so');

here();
ok((wait_until { assignee($open) eq '' }),
   'who goes away without an answer loses it');
is(assignee($answered), $dana, 'but not what was answered');
is(psql("SELECT data::text FROM chat.event WHERE conversation = '$open' AND "
        . 'seq = 3'), '{"assignee": null}', 'as an event');

here($dana);
is(assigned($open), $dana, 'it is given away again');
here();
message($answered, 'visitor v' . $n, 'and now?');
ok((wait_until { assignee($answered) eq '' }),
   'who is asked while nobody is there returns to the queue');

here($dana, $sam);
set($sam, availability => 'away');
assigned($open);
is($nginx->client(agent => 'sam')->patch("$api/conversations/$open",
       {assignee => $sam})->status, 200, 'who is away takes one himself');
tick();
is(assignee($open), $sam, 'and keeps it');
is(assigned($answered), $dana, 'somebody else is given one');
is($nginx->client(agent => 'dana')->patch("$api/conversations/$open",
       {assignee => $dana})->status, 200,
   'and takes again what he was given once');
set($dana, availability => 'away');
ok((wait_until { assignee($answered) eq '' }),
   'who says that he is away loses what he was given');
is(assignee($open), $dana, 'but not what he took');
set($_, availability => 'online') for $dana, $sam;


# away by himself

resolve_all();
here();

sub agents {
    my $list = $nginx->client(agent => 'erik')->get("$api/agents")
                     ->json->{agents};
    return {map { $_->{id} => $_ } @$list};
}

is(contains(agents()->{$dana}, {availability => 'online',
                                automatic => 'away'}), undef,
   'who has no stream is away, whatever was chosen');

my $stream = ChatTest::WebSocket->new(port => $nginx->port, agent => 'dana');

ok((wait_until { !defined agents()->{$dana}{automatic} }),
   'with a stream what was chosen holds');

my $self = $nginx->client(agent => 'dana');
my $there = sub { $nginx->client->post("$api/session", {mode => 'bearer'})
                        ->json->{availability} };

is($there->(), 'online', 'the site is there');
is(contains($self->patch("$api/agents/$dana", {idle => JSON::PP::true})
                 ->json, {availability => 'online', automatic => 'away'}),
   undef, 'a console says that nobody is at it');
is($there->(), 'away', 'the site is away');
is($nginx->client(agent => 'sam')
         ->patch("$api/agents/$dana", {idle => JSON::PP::false})->status, 403,
   'nobody says so of somebody else');
is(contains($self->patch("$api/agents/$dana", {idle => JSON::PP::false})
                 ->json, {availability => 'online', automatic => undef}),
   undef, 'and that somebody is back');
is(contains($self->patch("$api/agents/$dana", {availability => 'busy'})
                 ->json, {availability => 'busy', automatic => undef}),
   undef, 'what is chosen is another matter');

$stream->close;
psql("UPDATE chat.agent_seen SET idle = true, "
     . "seen_at = now() - interval '61 s' WHERE agent = '$dana'");
is(contains(agents()->{$dana}, {availability => 'busy',
                                automatic => 'away'}), undef,
   'a minute after the last stream');
$stream = ChatTest::WebSocket->new(port => $nginx->port, agent => 'dana');
ok((wait_until { !defined agents()->{$dana}{automatic} }),
   'who comes back is there, idle or not before');
$stream->close;


# the settings

for my $bad (['{"policy": "random"}', '.policy'], ['{"x": 1}', '.x'],
             ['{"away_after": 5}', '.away_after'], ['1', ''],
             ['{"away_after": "60"}', '.away_after'])
{
    is(psql('SELECT outcome FROM chat.site_settings_put_1(' . quote(site())
            . ', ' . quote("{\"assignment\": $bad->[0]}") . ')'),
       "invalid:assignment$bad->[1]", "no setting: $bad->[0]");
}

my $root = $nginx->client(agent => agent('root', role => 'admin') && 'root');
my $made = $root->post("$api/teams", {name => 'Team', assignment =>
                                      'least_loaded'});

is(contains($made->json, {assignment => 'least_loaded'}), undef,
   'a team has a policy of its own');
is(contains($root->patch("$api/teams/" . $made->json->{id},
                         {assignment => undef})->json,
            {name => 'Team', assignment => undef}), undef,
   'or that of the site');
is($root->patch("$api/teams/" . $made->json->{id}, {assignment => 'x'})
        ->status, 422, 'and none that does not exist');
my $site = $root->get("$api/site")->json;

is(contains($root->patch("$api/site", {version => $site->{version},
                         assignment => {policy => 'round_robin'}})->json,
            {assignment => {policy => 'round_robin'}}), undef,
   'an administrator sets the policy of the site');
is($nginx->client->post("$api/session", {mode => 'bearer'})
         ->json->{site}{assignment}, undef, 'visitors are not told of it');

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
