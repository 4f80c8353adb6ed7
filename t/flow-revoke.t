# Streams of those who may not have them any more: agents who sign out or are
# disabled, sessions and tokens that end, visitors who are blocked, erased
# conversations; over workers and hosts, with a bus and without.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use ChatTest;
use ChatTest::EventStream;
use ChatTest::Nginx;
use ChatTest::Redis;
use ChatTest::Sql::Session;
use ChatTest::WebSocket;

my $redis = ChatTest::Redis->new('own');
my $server = $redis->start;

# Two hosts have nothing in common but PostgreSQL and Redis.

my @hosts = map {
    ChatTest::Nginx->new(workers => 2, http => "chat_drain 1s;\n"
                                               . "chat_redis $server;")->start
} 1, 2;
my $near = $hosts[0];
my $n = 0;

sub is_like {
    my ($got, $want, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(contains($got, $want), undef, $name) or diag(explain($got));
}

sub actor { $_[0] eq 'agent' ? agent($_[1]) : visitor($_[1]) }


# A stream of each kind on that host, in the conversation, and how each ends.

sub streams {
    my ($host, $talk, @who) = @_;

    my $ws = ChatTest::WebSocket->new(port => $host->port, @who);
    my $at = $ws->ask(type => 'subscribe', conversation => $talk);
    my $since = $at->{next} // cursor(0);
    my $sse = ChatTest::EventStream->new(port => $host->port, @who,
        query => "conversation=$talk&since=$since");
    my $poll = $host->client(@who)->start('GET', '/support/v1/stream?wait=55'
        . "&conversation=$talk&since=$since");

    $sse->next('subscribed') or diag('no stream');
    $poll->poll;

    return {ws => $ws, sse => $sse, poll => $poll};
}

sub ends {
    my ($streams) = @_;

    my $bye = $streams->{ws}->next('bye', 30);
    my $end = $streams->{sse}->next('bye', 30);
    my $answer = eval { $streams->{poll}->wait(30) };

    my $code = $streams->{ws}->closed(30);

    $streams->{ws}->abort;

    return [$bye && $bye->{code}, $code, $end && $end->{code},
            $streams->{sse}->over(30), $answer && $answer->status];
}

sub stay {
    my ($name, $talk, @streams) = @_;
    my $text = 'still there ' . ++$n;

    message($talk, 'agent other', $text);

    for (@streams) {
        is_like($_->{ws}->next('message', 30), {text => $text},
                "$name: WebSocket");
        is_like($_->{sse}->next('message', 30), {text => $text},
                "$name: server-sent events");
        is_like($_->{poll}->wait(30)->json, {events => [{text => $text}]},
                "$name: poll");
    }
}

my @over = (4401, 4401, 4401, 1, 401);


# Whatever ends it in PostgreSQL, done by whom it may.

my %by_sql = (
    'an agent who is disabled' => ['agent',
        'UPDATE chat.agent SET disabled_at = now() WHERE id = $id'],
    'a session that is revoked' => ['agent',
        'UPDATE chat.agent_session SET revoked_at = now()
          WHERE agent = $id'],
    'a session that is cut short' => ['agent',
        'UPDATE chat.agent_session SET expires_at = now()
          WHERE agent = $id'],
    'a session that is deleted' => ['agent',
        'DELETE FROM chat.agent_session WHERE agent = $id'],
    'another password' => ['agent',
        "SELECT chat.agent_put_1(s.name, a.email, a.name, a.role, 'new')
           FROM chat.agent a JOIN chat.site s ON s.id = a.site
          WHERE a.id = \$id"],
    'a visitor who is blocked' => ['visitor',
        'UPDATE chat.visitor SET blocked_at = now() WHERE id = $id'],
    'a visitor who is erased' => ['visitor',
        'UPDATE chat.visitor SET erased_at = now() WHERE id = $id'],
    'tokens that are revoked' => ['visitor',
        'UPDATE chat.visitor SET valid_from = chat.ms(now()) + 1
          WHERE id = $id'],
);

{
    my (@cases, @others);

    for my $what (sort keys %by_sql) {
        my ($kind, $sql) = @{$by_sql{$what}};
        my $label = 'r' . ++$n;
        my $talk = conversation($kind eq 'visitor' ? $label : 'owner');

        push @cases, [$what, $sql, actor($kind, $label),
                      map { streams($_, $talk, $kind => $label) } @hosts];
    }

    my $talk = conversation('innocent');

    push @others, map { streams($_, $talk, agent => 'other'),
                        streams($_, $talk, visitor => 'innocent') } @hosts;

    my $began = time;

    for (@cases) {
        my ($sql, $id) = ($_->[1], quote($_->[2]));

        $sql =~ s/\$id/$id/;
        psql($sql);
    }

    for (@cases) {
        my ($what, undef, undef, @streams) = @$_;

        is_deeply(ends($_), \@over, "$what, on each host") for @streams;
    }

    cmp_ok(time - $began, '<', 20, 'soon');
    psql("UPDATE chat.visitor SET valid_from = valid_from
           WHERE id = '" . visitor('innocent') . "'");
    stay('others stay', $talk, @others);

    my $closes = 0;

    wait_until {
        $closes = $near->client->get('/status?format=json')->json
                       ->{closes}{4401};
        $closes == 2 * @cases;
    } 30;
    is($closes, 2 * @cases, 'they are counted');
}


# Tokens that are newer than what was revoked.

{
    my $talk = conversation('renewed');
    my $id = visitor('renewed');
    my $now = int(time * 1000);
    my $old = streams($near, $talk, token =>
                      visitor_token('renewed', issued => $now - 60000));
    my $new = streams($near, $talk, token =>
                      visitor_token('renewed', issued => $now));

    psql("UPDATE chat.visitor SET valid_from = $now - 1000 WHERE id = '$id'");
    is_deeply(ends($old), \@over, 'old tokens end');
    stay('a newer one', $talk, $new);
}


# A WebSocket that gets a newer token is not hit by the end of the old one.

{
    my $talk = conversation('renews');
    my $now = int(time * 1000);
    my $ws = ChatTest::WebSocket->new(port => $near->port, token =>
        visitor_token('renews', issued => $now - 60000));

    $ws->ask(type => 'subscribe', conversation => $talk);
    is($ws->ask(type => 'hello', token => visitor_token('renews',
           issued => $now))->{type}, 'welcome', 'a second hello');

    my $other = streams($near, $talk, token => visitor_token('renews',
                                             issued => $now - 50000));
    psql("UPDATE chat.visitor SET valid_from = $now - 1000
           WHERE id = '" . visitor('renews') . "'");
    is_deeply(ends($other), \@over, 'the old tokens end');
    message($talk, 'agent other', 'go on');
    is_like($ws->next('message', 30), {text => 'go on'},
            'the connection does not');
}


# Signing out, on one worker of one host.

for my $case ('with Redis', 'without Redis', 'without anybody who waits') {
    $redis->stop if $case eq 'without Redis';

    my $label = 'o' . ++$n;
    my $talk = conversation('owner');
    my @streams = map { streams($_, $talk, agent => $label) } @hosts;
    my $stays = streams($near, $talk, token => agent_token($label, new => 1));
    my $out = $near->client(agent => $label);
    my $began = time;

    if ($case eq 'without anybody who waits') {
        # gone while PostgreSQL is at it, not before the request is read
        my $lock = ChatTest::Sql::Session->new(ChatTest::postgres());
        $lock->rows('BEGIN');
        $lock->rows("SELECT 1 FROM chat.agent_session WHERE agent = '"
                    . agent($label) . "' FOR UPDATE");

        my $call = $out->start('DELETE', '/support/v1/agent/session');
        wait_until {
            psql("SELECT count(*) FROM pg_stat_activity
                   WHERE wait_event_type = 'Lock'") > 0;
        } or die "nobody waits for the session\n";

        $call->abort;
        $lock->rows('COMMIT');

    } else {
        is($out->delete('/support/v1/agent/session')->status, 204,
           'an agent signs out');
    }

    is_deeply(ends($_), \@over, "$case the streams of the session end")
        for @streams;
    cmp_ok(time - $began, '<', 20, 'soon');
    stay('another session of the agent stays', $talk, $stays);

    for my $host (@hosts) {
        is($host->client(agent => $label)->get('/support/v1/conversations')
                ->status, 401, 'and no worker remembers it') for 1 .. 4;
    }
}

$redis->start;


# One who has been thrown out does not come back by a head that is known.

{
    my $talk = conversation('thrown');
    my $id = visitor('thrown');
    my $token = visitor_token('thrown');
    my $streams = streams($near, $talk, token => $token);

    psql("UPDATE chat.visitor SET blocked_at = now() WHERE id = '$id'");
    is_deeply(ends($streams), \@over, 'a visitor is blocked');

    for (1 .. 6) {
        my $answer = $near->client(token => $token)->get(
            '/support/v1/stream?wait=0&since=' . cursor(1)
            . "&conversation=$talk");
        is($answer->status, 401, 'polls are answered 401');
    }

    my $sse = ChatTest::EventStream->new(port => $near->port,
        token => $token, query => "conversation=$talk&since=" . cursor(1));
    is($sse->status, 401, 'and so are server-sent events');

    my $ws = ChatTest::WebSocket->new(port => $near->port, token => $token);
    $ws->send(type => 'subscribe', conversation => $talk);
    is($ws->closed(30), 4401, 'a WebSocket is closed when it subscribes');
}


# What expires by itself.

{
    my $talk = conversation('brief');
    my $brief = streams($near, $talk, token =>
        visitor_token('brief', age => 30 * 86400 - 5));
    my $session = streams($near, $talk, token =>
        agent_token('brief', expires => '5 seconds', ends => '5 seconds'));
    my $short = agent_token('brief', expires => '6 seconds',
                            ends => '6 seconds');
    my $ticket = $near->client(token => $short)->post('/support/v1/ticket',
                                                      {})->json->{ticket};
    my $ticketed = ChatTest::WebSocket->new(port => $near->port,
        protocol => "chat.v1, ticket.$ticket");

    is($ticketed->next->{type}, 'welcome', 'a ticket of a session');
    is_deeply(ends($brief), [4004, 4004, 4004, 1, 401], 'a token expires');
    is_deeply(ends($session), [4004, 4004, 4004, 1, 401],
              'the session of an agent expires');
    is($ticketed->closed(30), 4004, 'also one that came with a ticket');
}


# An erased conversation.

{
    my $talk = conversation('erased');
    my $other = conversation('erased');
    my @agents = map { streams($_, $talk, agent => 'other') } @hosts;
    my @visitors = map { streams($_, $talk, visitor => 'erased') } @hosts;

    $_->{ws}->ask(type => 'subscribe', conversation => $other) for @agents;

    psql("UPDATE chat.conversation SET erased_at = now()
           WHERE id = '$talk'");

    is_deeply(ends($_), [4410, 4410, 4410, 1, 410],
              'an erased conversation ends the streams of its visitor')
        for @visitors;

    for my $agent (@agents) {
        is_like($agent->{ws}->next('error', 30), {code => 'gone'},
                'an agent is told');
        is_like($agent->{sse}->next('bye', 30), {code => 4410},
                'by all transports');
        is($agent->{poll}->wait(30)->status, 410, 'each in its way');
    }

    message($other, 'agent other', 'another');
    is_like($_->{ws}->next('message', 30), {text => 'another'},
            'and goes on with the others') for @agents;
}


# More at once than is worth a list: everybody comes again.

{
    my $talk = conversation('many');
    my $streams = streams($near, $talk, visitor => 'many');

    psql('INSERT INTO chat.visitor (site, id, valid_from, created_at)
          SELECT ' . site_id() . ', gen_random_uuid(), 0, now()
            FROM generate_series(1, 1500)');
    psql('UPDATE chat.visitor SET blocked_at = now()
           WHERE blocked_at IS NULL AND name IS NULL AND created_at
                 > now() - interval \'1 minute\' AND NOT EXISTS (SELECT
                 FROM chat.conversation c WHERE c.visitor = visitor.id)');

    is_deeply(ends($streams), [1012, 1012, 1012, 1, 200],
              'too many at once: everybody is asked to come again');

    # each worker asks once, the other one maybe after they have come again

    my ($got, $want);

    for my $time (1 .. 3) {
        my $again = streams($near, $talk, visitor => 'many');
        my $text = "for the $time. time";

        message($talk, 'agent other', $text);

        my $poll = eval { $again->{poll}->wait(30)->json };

        $want = [($text) x 3];
        $got = [map { $_ ? $_->{text} : 'nothing' }
                    $again->{ws}->next('message', 30),
                    $again->{sse}->next('message', 30), $poll->{events}[0]];

        last if "@$got" eq "@$want";
    }

    is_deeply($got, $want, 'who may comes again');
}


for my $host (@hosts) {
    $host->stop;
    is(join('', $host->alarms), '', 'nothing alarming in the log');
}

done_testing();
