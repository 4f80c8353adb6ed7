# Typing, presence and read marks, between two workers.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::EventStream;
use ChatTest::Nginx;
use ChatTest::WebSocket;

my $nginx = ChatTest::Nginx->new(workers => 2)->start;
my $conversation = conversation('alice', 'hello');
my $other = conversation('bob', 'hello');
my $path = "/support/v1/conversations/$conversation";

my ($one, $two) = $nginx->worker_pids;

my $agent = $nginx->on($one, agent => 'dana');
my $visitor = $nginx->on($two, visitor => 'alice');


# The state as a client has it, once it satisfies the wish: polls by version,
# as clients do.

sub state_of {
    my ($client, $wish) = @_;

    my $next = $client->get("$path/events")->json->{next};
    my $version = 0;
    my $state;

    wait_until {
        my $answer = $client->get("/support/v1/stream?conversation="
            . "$conversation&since=$next&state=$version&wait=2")->json;

        if ($answer->{state}) {
            $state = $answer->{state};
            $version = $state->{version};
        }

        return !defined contains($state, $wish);
    };

    return contains($state, $wish);
}


is(state_of($visitor, {typing => [], presence => []}), undef,
   'nobody else is there');

my $looking = ChatTest::EventStream->new(client => $agent,
    query => "conversation=$conversation");

ok($looking->next('subscribed', 30), 'an agent looks, by the other worker');


# A visitor is told of the agent who has the conversation, or has answered;
# not of those who look.

my $dana = agent('dana');
my $online = {type => 'presence', conversation => $conversation,
              participant => {kind => 'agent', id => $dana, name => 'Dana'},
              online => JSON::PP::true};
my $offline = {%$online, online => JSON::PP::false};
my $ws = ChatTest::WebSocket->new(port => $nginx->port, visitor => 'alice');
my $sse = ChatTest::EventStream->new(port => $nginx->port,
    visitor => 'alice', query => "conversation=$conversation");
my $looks = $nginx->on($two, agent => 'erik');
my %told = (WebSocket => $ws, 'server-sent events' => $sse);
my $n = 0;

sub there {
    my ($client) = @_;

    return map { $_->{id} } @{$client->get('/support/v1/stream?conversation='
               . "$conversation&wait=0")->json->{state}{presence}};
}

# what the visitor hears of the presence of agents, up to a message

sub heard {
    my ($stream) = @_;
    my $end = 'said ' . ++$n;
    my ($event, @heard);

    is($nginx->client(visitor => 'alice')->post("$path/messages",
           {client_msg_id => "v$n", text => $end})->status, 201, $end);

    while ($event = $stream->next(undef, 30)) {
        last if ($event->{text} // '') eq $end;
        push @heard, $event if $event->{type} eq 'presence'
                               && $event->{participant}{kind} eq 'agent';
    }

    ok($event, 'he hears what comes after');
    return \@heard;
}

is($ws->ask(type => 'subscribe', conversation => $conversation)
      ->{state}{presence}[0], undef, 'nobody is there, by WebSocket');
ok($sse->next('subscribed', 30), 'nor by server-sent events');
ok((wait_until { grep { $_ eq $dana } there($looks) }),
   'another agent sees that the agent looks');
ok(!(grep { $_ eq $dana || $_ eq agent('erik') } there($visitor)),
   'the visitor does not');
is_deeply(heard($told{$_}), [], "nor by $_") for sort keys %told;

sub told {
    my ($event, $presence, $what) = @_;

    is(contains($told{$_}->next('presence', 30), $event), undef,
       "$what: by $_") for sort keys %told;
    is(state_of($visitor, {presence => $presence}), undef, "$what: by poll");
}

sub assign {
    my ($assignee) = @_;

    is($nginx->client(agent => 'erik')->patch($path,
           {assignee => $assignee})->status, 200, 'an assignment');
}

my $list = [{kind => 'agent', id => $dana, name => 'Dana',
             online => JSON::PP::true}];

assign($dana);
told($online, $list, 'the visitor is told that his agent is there');
is_deeply([there($nginx->on($one, visitor => 'alice'))], [$dana],
          'whatever worker he asks');
assign(undef);
told($offline, [], 'somebody else is to answer');
is($nginx->client(agent => 'dana')->post("$path/messages",
       {client_msg_id => 'a', text => 'hello'})->status, 201,
   'the agent answers');
told($online, $list, 'he is told of her');
assign(agent('erik'));
is_deeply([grep { $_ eq $dana } there($_)], [$dana], 'she is still there')
    for $visitor, $looks;
assign(undef);

$ws->close;
$sse->abort;

my $more = $nginx->client(agent => 'dana');

is($more->post("$path/typing", {on => JSON::PP::true})->status, 204,
   'the agent types');
is(state_of($visitor, {typing => [{kind => 'agent', name => 'Dana'}]}), undef,
   'the visitor sees it');
is($more->post("$path/typing", {on => JSON::PP::false})->status, 204,
   'he stops');
is(state_of($visitor, {typing => []}), undef, 'the visitor sees that too');

my $third = $nginx->client(agent => 'erik');

is($third->post("$path/typing", {on => JSON::PP::true,
                                 visibility => 'internal'})->status, 204,
   'another agent types a note');
is(state_of($more, {typing => [{kind => 'agent', id => agent('erik')}]}),
   undef, 'the first agent sees it');
is(state_of($visitor, {typing => []}), undef, 'the visitor does not');

is(state_of($more, {typing => []}), undef, 'it ends by itself');


# a read mark moves the state

is($more->post("$path/read", {seq => 1})->status, 204, 'an agent reads');
is(state_of($visitor, {read => {'agent:' . agent('dana') => 1}}), undef,
   'the visitor sees it');


# who may

my $stranger = $nginx->client(visitor => 'bob');

is($stranger->post("$path/typing", {on => JSON::PP::true})->status, 404,
   'a stranger types into nothing');
is($visitor->post("$path/typing", {on => JSON::PP::true,
                                   visibility => 'internal'})->status, 403,
   'a visitor has no notes');
is($visitor->post("$path/typing", {on => 'yes'})->status, 422,
   'a wrong type');
is($visitor->post("/support/v1/conversations/$other/typing",
                  {on => JSON::PP::true})->status, 404,
   'another one\'s conversation');

$looking->abort;


# A worker is killed: who comes back was never away.

my $stream = ChatTest::WebSocket->new(port => $nginx->port, agent => 'dana');
my $eyes = ChatTest::WebSocket->new(port => $nginx->port, visitor => 'alice');
my $here = sub {
    my $answer = $eyes->ask(type => 'subscribe', conversation => $conversation);
    return scalar grep { $_->{id} eq agent('dana') }
           @{$answer->{state}{presence}};
};

$stream->ask(type => 'subscribe', conversation => $conversation);
ok((wait_until { $here->() } 30), 'the agent has a stream');

my ($victim) = $stream->header('X-Worker');
kill 'KILL', $victim;

is($stream->closed(30), 1006, 'whose worker is killed');

my $again = sub {
    my ($kind, $label) = @_;
    my $ws;
    wait_until {
        $ws = eval { ChatTest::WebSocket->new(port => $nginx->port,
                                              $kind => $label) };
        $ws && $ws->status == 101
            && $ws->ask(type => 'subscribe', conversation => $conversation);
    } 30;
    return $ws;
};

$stream = $again->(agent => 'dana');
$eyes->poll;
$eyes = $again->(visitor => 'alice') if $eyes->{eof};
ok((wait_until { $here->() } 30), 'the agent is back');
is(scalar(grep { $_->{type} eq 'presence' && !$_->{online} }
          @{$eyes->{messages}}), 0, 'the visitor has not seen him go');

$nginx->stop;
is(join('', grep { !/exited on signal 9/ } $nginx->alarms), '',
   'nothing alarming in the log');

done_testing();
