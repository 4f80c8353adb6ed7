# R9.  chat_limit on WebSockets and server-sent events: commands, handshakes,
# open streams, floods, and admission of those who come back.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use ChatTest;
use ChatTest::EventStream;
use ChatTest::Nginx;
use ChatTest::WebSocket;

my $real = 'set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;';
my $nginx;
my $n = 0;

sub nginx {
    my ($limit, %opt) = @_;

    $nginx = ChatTest::Nginx->new(workers => 2, limit => $limit,
                                  http => "chat_drain 1s; $real",
                                  %opt)->start;
}

sub ws { return ChatTest::WebSocket->new(port => $nginx->port, @_) }

sub sse {
    my ($talk, @who) = @_;
    return ChatTest::EventStream->new(port => $nginx->port, @who,
        query => "conversation=$talk&since=" . cursor(1));
}

sub from { return headers => ["X-Real-IP: $_[0]"] }
sub numbers { return $nginx->client->get('/status?format=json')->json }

sub is_like {
    my ($got, $want, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(contains($got, $want), undef, $name) or diag(explain($got));
}

sub send_to {
    my ($ws, $talk, @more) = @_;
    return $ws->ask(type => 'send', conversation => $talk, text => 'x',
                    client_msg_id => 'l-' . ++$n, @more);
}

# Streams that count, of all transports.

sub open_is {
    my ($expected, $what) = @_;
    my $found;

    wait_until {
        $found = 0;
        $found += $_ for map { values %$_ } values %{numbers()->{connections}};
        $found == $expected;
    } 30;
    is($found, $expected, $what);
}

# They are counted when the connection has ended.

sub closes_are {
    my ($code, $expected) = @_;
    my $found;

    wait_until { ($found = numbers()->{closes}{$code}) == $expected } 30;
    is($found, $expected, "closed with $code, counted");
}

sub done {
    $nginx->stop;
    is(join('', $nginx->alarms), '', 'no alarms');
}

my $talk = conversation('alice', 'hello');
my $other = conversation('bob', 'hello');


# Commands over a WebSocket are those over HTTP.

{
    nginx('messages=1r/s burst=3 typing=1r/h burst=2 agent=1r/h burst=2');

    my $alice = ws(visitor => 'alice');
    my @answers = map { send_to($alice, $talk) } 1 .. 8;
    my @refused = grep { $_->{type} eq 'error' } @answers;

    cmp_ok(scalar @refused, '>=', 1, 'a visitor has a burst of messages');
    is(scalar(grep { $_->{type} eq 'sent' } @answers[0 .. 2]), 3,
       'which are stored');
    is_like($refused[0], {code => 'rate_limited', retry_after_ms => '~^\d+$',
                          detail => '*', ref => '*'},
            'more is refused, and when to come back');
    cmp_ok($refused[0]{retry_after_ms}, '>=', 1, 'that is not now');

    my $again;

    wait_until { $again = send_to($alice, $talk); $again->{type} eq 'sent' }
        30;
    is($again->{type}, 'sent', 'later it is stored');

    my $limited = numbers()->{limited}{messages};

    cmp_ok($limited, '>=', scalar @refused, 'the limit is counted');

    $alice->send(type => 'typing', conversation => $talk,
                 on => JSON::PP::true) for 1, 2;
    is_like($alice->ask(type => 'typing', conversation => $talk,
                        on => JSON::PP::true),
            {type => 'error', code => 'rate_limited'},
            'the typing of a visitor is limited');

    my $dana = ws(agent => 'dana');

    is(send_to($dana, $talk)->{type}, 'sent', "an agent sends, $_") for 1, 2;
    is_like(send_to($dana, $talk), {code => 'rate_limited'},
            'and is limited too');
    is_like($dana->ask(type => 'subscribe', conversation => $talk),
            {type => 'subscribed'}, 'reading is not');

    done();
}


# Handshakes, of a member and of who is not known yet.

{
    nginx('handshakes=3r/h address_handshakes=20r/h');

    my @alice = map { ws(visitor => 'alice', from('192.0.2.1')) } 1 .. 3;
    is_deeply([map { $_->status } @alice], [101, 101, 101],
              'three handshakes');

    my $refused = ws(visitor => 'alice', from('192.0.2.1'));
    is($refused->status, 429, 'the fourth is refused');
    like($refused->header('Retry-After'), qr/^\d+$/, 'until later');

    my $sse = sse($talk, visitor => 'alice', from('192.0.2.1'));
    is($sse->status, 429, 'server-sent events count as one');
    is_like($sse->json, {code => 'rate_limited', retry_after_ms => '*'},
            'with a problem');
    is(sse($other, visitor => 'bob', from('192.0.2.1'))->status, 200,
       'another visitor of the office is not concerned');

    # a hello tells whose the handshake was

    my @known;

    for my $i (1 .. 6) {
        my $ws = ws(from('192.0.2.1'));
        push @known, $ws->status == 101
            ? $ws->ask(type => 'hello', token => visitor_token("h$i")) : undef;
    }

    is(scalar(grep { $_ && $_->{type} eq 'welcome' } @known), 6,
       'visitors who say hello are not counted as strangers');

    my @strangers = map { ws(from('192.0.2.1')) } 1 .. 3;
    is_deeply([map { $_->status } @strangers], [101, 101, 101],
              'three strangers');
    is(ws(from('192.0.2.1'))->status, 429, 'the fourth is refused');
    is(ws(from('192.0.2.2'))->status, 101, 'elsewhere it is not');

    my $late = ws(from('192.0.2.2'));
    $late->send(type => 'hello', token => visitor_token('alice'));
    is_like($late->next('bye'), {code => 1013, after_ms => '~^\d{4,}$'},
            'who has shaken hands too often is told when to come back');
    is($late->closed(30), 1013, 'and closed with 1013');

    # the address is asked before a ticket is looked up

    my @statuses = map {
        ws(protocol => 'chat.v1, ticket.AAAAAAAAAAAAAAAAAAAAAA',
           from('192.0.2.3'))->status
    } 1 .. 21;

    is($statuses[0], 401, 'a ticket that is none');
    is($statuses[20], 429, 'is not looked up for ever');
    cmp_ok(numbers()->{limited}{handshakes}, '>=', 4, 'counted');
    cmp_ok(numbers()->{limited}{address_handshakes}, '>=', 1, 'by name');
    cmp_ok(numbers()->{handshakes}{refused}, '>=', 3, 'as refused');

    done();
}


# Open streams.

{
    nginx('streams=2 address_streams=4');

    my @alice = map { ws(visitor => 'alice', from('192.0.2.1')) } 1, 2;
    $_->next('welcome') for @alice;

    my $third = ws(visitor => 'alice', from('192.0.2.1'));
    is($third->status, 101, 'a third is accepted,');
    is_like($third->next, {type => 'bye', code => 4409},
            'since browsers see close codes only,');
    is($third->closed(30), 4409, 'and closed with 4409');

    my $sse = sse($talk, visitor => 'alice', from('192.0.2.2'));
    is($sse->status, 429, 'server-sent events are refused with 429');
    is_like($sse->json, {code => 'rate_limited'}, 'as too many');

    my $bob = ws(visitor => 'bob', from('192.0.2.1'));
    is($bob->next->{type}, 'welcome', 'another visitor has his own');
    my $held = sse($other, visitor => 'bob', from('192.0.2.1'));
    is($held->status, 200, 'by every transport');
    is(ws(agent => 'dana', from('192.0.2.1'))->closed(30), 4409,
       'until there are too many of the address');
    is(ws(agent => 'dana', from('192.0.2.2'))->next->{type}, 'welcome',
       'elsewhere there are not');

    # strangers, who become somebody

    my @strangers = map { ws(from('192.0.2.3')) } 1, 2;
    is(ws(from('192.0.2.3'))->closed(30), 4409, 'a third stranger');
    closes_are(4409, 3);
    is($strangers[0]->ask(type => 'hello',
                          token => visitor_token('carol'))->{type},
       'welcome', 'one says who she is');
    my $next = ws(from('192.0.2.3'));
    is($next->ask(type => 'hello', token => visitor_token('carol'))->{type},
       'welcome', 'and makes room for the next stranger');
    my $more = ws(from('192.0.2.3'));
    $more->send(type => 'hello', token => visitor_token('carol'));
    is($more->closed(30), 4409, 'her own number is limited too');

    is_deeply([@{numbers()->{limited}}{qw(streams address_streams)}], [4, 1],
              'each is counted');
    closes_are(4409, 4);

    done();
}


# Whatever way a stream ends, it makes room.

{
    nginx('streams=2 address_streams=10 handshakes=off');

    my %end = (
        close => sub { $_[0]->close(1000); $_[0]->closed(30) },
        abort => sub { $_[0]->abort },
        frame => sub { $_[0]->send_frame('nonsense'); $_[0]->closed(30) },
        wrong => sub { $_[0]->send_frame('x', mask => 0);
                       $_[0]->closed(30) },
        other => sub { $_[0]->send(type => 'hello',
                                   token => visitor_token('bob'));
                       $_[0]->closed(30) },
        hello => sub { $_[0]->send(type => 'hello', token => 'none');
                       $_[0]->closed(30) },
        busy => sub { $_[0]->send(type => 'subscribe',
                                  conversation => $talk);
                      $_[0]->abort },
    );

    for my $end (sort keys %end) {
        for my $i (1 .. 6) {
            my $ws = ws(visitor => 'alice');
            $ws->next('welcome') // diag("$end $i: " . ($ws->{code} // '?'));
            $end{$end}->($ws);
            $ws->abort;
            open_is(0, "$end, $i") if $i % 3 == 0;
        }
    }

    for my $i (1 .. 6) {
        my $ws = ws();
        $ws->ask(type => 'hello', token => visitor_token('alice'));
        $ws->abort;
        my $none = sse('x', visitor => 'alice');
        is($none->status, 404, 'one that never begins') if $i == 1;
        my $sse = sse($talk, visitor => 'alice');
        $sse->status;
        $sse->abort;
        open_is(0, "streams, $i") if $i % 3 == 0;
    }

    is(numbers()->{limited}{streams}, 0, 'none has been refused');

    my @open = (ws(visitor => 'alice'), sse($talk, visitor => 'alice'));
    is($open[0]->next->{type}, 'welcome', 'two are open');
    is($open[1]->status, 200, 'of either kind');
    is(ws(visitor => 'alice')->closed(30), 4409, 'and a third is refused');

    $nginx->reload;
    is($open[0]->closed(30), 1012, 'a reload ends them');
    ok(defined $open[1]->over, 'both');
    open_is(0, 'and makes room');
    @open = map { ws(visitor => 'alice') } 1, 2;
    is_deeply([map { $_->next->{type} } @open], ['welcome', 'welcome'],
              'for two again');
    is(ws(visitor => 'alice')->closed(30), 4409, 'not more');

    done();
}


# An office behind a proxy: the address of a WebSocket is that of its client,
# also after its request has gone.

{
    nginx('address_messages=3r/h messages=off sustained=off');

    my $near = ws(visitor => 'alice', from('192.0.2.1'));
    my $far = ws(visitor => 'bob', from('2001:db8::1'));
    $_->next('welcome') for $near, $far;

    is(send_to($near, $talk)->{type}, 'sent', "message $_ of an address")
        for 1 .. 3;
    is_like(send_to($near, $talk), {code => 'rate_limited'}, 'that is all');
    is(send_to($far, $other)->{type}, 'sent', 'another has its own')
        for 1 .. 3;
    is_like(send_to($far, $other), {code => 'rate_limited'}, 'number');
    is_like(send_to(ws(visitor => 'bob', from('2001:db8::2')), $other),
            {code => 'rate_limited'}, 'in the same /64 too');
    is(send_to(ws(visitor => 'bob', from('2001:db8:0:1::1')), $other)->{type},
       'sent', 'not in the next');
    is(numbers()->{limited}{address_messages}, 3, 'counted');

    done();
}


# A flood of frames.

{
    nginx('frames=1r/s burst=20 messages=off sustained=off');

    my $alice = ws(visitor => 'alice');
    my $talker = ws(visitor => 'bob');
    $_->next('welcome') for $alice, $talker;

    $alice->send(type => 'heartbeat') for 1 .. 40;
    is_like($alice->next('bye', 30), {code => 4429}, 'a flood of frames');
    is($alice->closed(30), 4429, 'is closed with 4429');

    $alice = ws(visitor => 'alice');
    $alice->next('welcome');
    $alice->send_frame('', opcode => 'ping') for 1 .. 40;
    is($alice->closed(30), 4429, 'and one of pings');

    is(send_to($talker, $other)->{type}, 'sent', "who speaks goes on, $_")
        for 1 .. 10;
    cmp_ok(numbers()->{limited}{frames}, '>=', 2, 'counted');
    closes_are(4429, 2);

    done();
}


# Subscriptions that have to be read for: a token for each.

{
    nginx('subscriptions=1r/h burst=3', workers => 1);

    my @talks = map { conversation('alice', "talk $_") } 1 .. 3;
    my $first = ws(visitor => 'alice');

    is_like($first->ask(type => 'subscribe', conversation => $talks[0]),
            {type => 'subscribed'}, 'one');
    my $second = sse($talks[1], visitor => 'alice');
    is($second->status, 200, 'two');
    my $third = ws(visitor => 'alice');
    is_like($third->ask(type => 'subscribe', conversation => $talks[2]),
            {type => 'subscribed'}, 'three');

    my $late = ws(visitor => 'alice');
    $late->send(type => 'subscribe', conversation => $talks[0]);
    is_like($late->next('bye', 30), {code => 1013, after_ms => '~^\d{5,}$'},
            'the next is told when to come back');
    is($late->closed(30), 1013, 'and closed with 1013');

    my $sse = sse(conversation('alice', 'cold'), visitor => 'alice');
    is($sse->status, 503, 'server-sent events are answered 503');
    like($sse->header('Retry-After'), qr/^\d+$/, 'with Retry-After');
    is_like($sse->json, {code => 'unavailable', retry_after_ms => '*'},
            'and a problem');

    $first->send(type => 'subscribe', conversation => $talks[1]);
    message($talks[0], 'agent dana', 'live');
    is_like($first->next('message', 30), {text => 'live'},
            'one that has subscriptions waits, and goes on');
    ok(!$first->{eof}, 'it stays open');

    closes_are(1013, 1);
    cmp_ok(numbers()->{limited}{subscriptions}, '>=', 3, 'by name');

    done();
}


# A connection that has a subscription waits with its others, and they are let
# in one after the other.

{
    nginx('subscriptions=2r/s burst=1', workers => 1);

    my @talks = map { conversation('alice', "talk $_") } 0 .. 5;
    my $ws = ws(visitor => 'alice');

    is_like($ws->ask(type => 'subscribe', conversation => $talks[0]),
            {type => 'subscribed'}, 'the first is let in at once');

    $ws->send(type => 'subscribe', ref => $_, conversation => $talks[$_])
        for 1 .. 5;
    message($talks[$_], 'agent dana', 'late') for 1 .. 5;

    my %seqs;

    wait_until {
        my $m = $ws->next(undef, 1) // return;

        push @{$seqs{$m->{conversation}}}, map { $_->{seq} // () }
            $m, @{$m->{events} // []} if $m->{conversation};
        return 5 == grep { ($seqs{$_}[-1] // 0) == 2 } @talks[1 .. 5];
    } 60;

    is_deeply([@seqs{@talks[1 .. 5]}], [([1, 2]) x 5],
              'the others later, with what came meanwhile');
    cmp_ok(numbers()->{limited}{subscriptions}, '>=', 1, 'which had to wait');
    ok(!$ws->{eof}, 'and the connection stays');

    done();
}

done_testing();
