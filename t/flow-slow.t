# How streams end by themselves: readers that read nothing, the age of
# server-sent events; an inbox whose reader is slow, memory of a long stream,
# heartbeats that nobody reads.
# A build for tests waits for less long.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use ChatTest;
use ChatTest::EventStream;
use ChatTest::Nginx;
use ChatTest::WebSocket;

my $module = "$ENV{CHAT_BUILD}/echo/ngx_http_chat_module.so";
-e $module or BAIL_OUT("there is no $module: make test builds it");

# Buffers of the kernel are small at one port.

my $slow = ChatTest::Nginx::free_port();
my $nginx = nginx(workers => 1, name => 'short', module => $module);

sub nginx {
    my %opt = @_;

    local $ENV{TEST_NGINX_LOAD_MODULES} = join ' ', map {
        $opt{module} && m{/ngx_http_chat_module\.so\z} ? $opt{module} : $_
    } split ' ', $ENV{TEST_NGINX_LOAD_MODULES};

    return ChatTest::Nginx->new(http => 'chat_drain 1s;',
        server => "listen 127.0.0.1:$slow sndbuf=4k;", %opt)->start;
}

sub ws { return ChatTest::WebSocket->new(port => $nginx->port, @_) }

sub sse {
    my ($query, @more) = @_;
    return ChatTest::EventStream->new(port => $nginx->port, query => $query,
                                      @more);
}

sub numbers { return $nginx->client->get('/status?format=json')->json }

sub number_is {
    my ($expected, $what, @path) = @_;
    my $found;

    wait_until {
        $found = numbers();
        $found = $found->{$_} for @path;
        $found == $expected;
    } 60;
    is($found, $expected, $what);
}


# Readers that read nothing, by both transports.

{
    my $talk = conversation('alice', 'hello');
    my $since = cursor(1);
    my @small = (port => $slow, rcvbuf => 4096);
    my $ws = ws(@small, agent => 'dana');
    my $sse = sse("conversation=$talk&since=$since", @small,
                  visitor => 'alice');
    my $reads = ws(agent => 'dana');

    $_->ask(type => 'subscribe', conversation => $talk, since => $since)
        for $ws, $reads;
    $sse->next('subscribed');

    my $text = 'x' x 16000;

    # faster than the time after which they are closed

    for my $i (1 .. 30) {
        $reads->send(type => 'send', conversation => $talk, text => $text,
                     client_msg_id => "slow-$i");
        $reads->poll;
    }

    number_is(1, 'a WebSocket that reads nothing is closed', 'slow_closes',
              'websocket');
    number_is(1, 'and so are server-sent events', 'slow_closes', 'sse');
    number_is(1, 'with 4001', 'closes', 4001);
    cmp_ok(numbers()->{lag_mode_enters}{websocket}, '>=', 1,
           'they were in lag mode');
    cmp_ok(numbers()->{lag_mode_enters}{sse}, '>=', 1, 'both');
    cmp_ok(numbers()->{queue_bytes_max}, '<', 512 * 1024,
           'with queues that are bounded');

    is($ws->closed(30), 1006, 'there is no room for a close frame');
    is($sse->over, 0, 'nor for a bye');

    # one by one, or as a page if it was behind for a while

    my $seq = 1;

    wait_until {
        my $m = $reads->next(undef, 1) // return;

        for ($m->{type} eq 'events' ? @{$m->{events}} : $m) {
            $seq++ if $_->{type} eq 'message' && $_->{seq} == $seq + 1;
        }

        return $seq == 31;
    } 60;

    is($seq, 31, 'one that reads has everything');

    # what they have missed is there when they come again

    $sse = sse("conversation=$talk&since=$since", visitor => 'alice');
    $seq = 1;

    while ($seq < 31 && (my $m = $sse->next('message', 30))) {
        $seq = $m->{seq} if $m->{seq} == $seq + 1;
    }

    is($seq, 31, 'and so has one that comes again');
}


# The age of a stream.

{
    my $talk = conversation('alice', 'hello');
    my $sse = sse("conversation=$talk&since=" . cursor(1),
                  visitor => 'alice');
    my (@seen, $last, $ends);

    $last = cursor(1);
    $sse->next('subscribed');

    for my $i (1 .. 200) {
        message($talk, 'agent dana', "message $i");

        while (my $event = $sse->next(undef, 0.05)) {

            if ($event->{type} eq 'message') {
                push @seen, $event->{seq};
                $last = $event->{cursor};

            } elsif ($event->{type} eq 'bye') {
                is($event->{code}, 1000, 'a stream of some age ends');
                like($event->{after_ms}, qr/^\d+$/, 'and may come again');
                is($sse->over, 1, 'the answer is complete');
                $ends++;

                $sse = sse("conversation=$talk&since=" . cursor(0),
                           visitor => 'alice',
                           headers => ["Last-Event-ID: $last"]);
            }
        }

        last if $ends && $ends == 2;
    }

    is($ends, 2, 'again and again');

    my $head = message($talk, 'agent dana', 'the last');

    while ((my $event = $sse->next(undef, 30))) {
        next if $event->{type} ne 'message';
        push @seen, $event->{seq};
        last if $event->{seq} == $head;
    }

    is_deeply(\@seen, [2 .. $head], 'nothing is missed');
}

$nginx->stop;
is(join('', $nginx->alarms), '', 'no alarms');


# An inbox whose reader is slow has every conversation as it is in the end.

$nginx = nginx(workers => 1, name => 'long');

{
    my @talks = map { conversation("v$_", "talk $_") } 1 .. 40;
    my $inbox = sse('inbox=&status=open', port => $slow, rcvbuf => 4096,
                    agent => 'dana');
    my $other = sse('inbox=&status=open', agent => 'dana');
    my $dana = ws(agent => 'dana');
    my (%last, %events);

    is($inbox->status, 200, 'an inbox');
    $dana->next('welcome');

    my $read = sub {
        my ($stream, $who) = @_;
        my %found;

        while ((my $event = $stream->next('conversation', 30))) {
            $events{$who}++;
            $found{$event->{id}} = $event->{last}{seq};
            last if !grep { ($found{$_} // 0) != $last{$_} } @talks;
        }

        return {map { $_ => $found{$_} } @talks};
    };

    for my $round (1 .. 8) {
        $last{$_} = $dana->ask(type => 'send', conversation => $_,
            text => "$round " . 'y' x 190, client_msg_id => "y-$round-$_")
                ->{seq} for @talks;
        is_deeply($read->($other, 'quick'), \%last,
                  'one that reads has them all');
    }

    is_deeply($read->($inbox, 'slow'), \%last,
              'and so has one that was slow, in the end');
    cmp_ok($events{slow}, '<', $events{quick}, 'with less in between');
}


# A long stream needs no more memory than a short one.

{
    my $talk = conversation('alice', 'hello');
    my $sse = sse("conversation=$talk&since=" . cursor(1),
                  visitor => 'alice');
    my $dana = ws(agent => 'dana');
    my ($pid) = $nginx->worker_pids;

    $dana->ask(type => 'subscribe', conversation => $talk);
    $sse->next('subscribed');

    my $rss = sub {
        open my $in, '<', "/proc/$pid/status" or return 0;
        my ($kb) = join('', <$in>) =~ /^RssAnon:\s+(\d+)/m;
        return $kb;
    };

    my $typing = sub {
        my ($n) = @_;
        my $events = 0;

        for my $i (1 .. $n) {
            $dana->send(type => 'typing', conversation => $talk,
                        on => $i % 2 ? JSON::PP::true : JSON::PP::false);
            next if $i % 50;
            $dana->poll;
            $events++ while $sse->next('typing', 0);
        }

        $events++ while $sse->next('typing', 0.5);
        return $events;
    };

    $typing->(2000);

    my $before = $rss->();
    my $events = $typing->(20000);
    my $grown = $rss->() - $before;

    cmp_ok($events, '>', 10000, 'many events of one stream');
    # a sanitizer holds back what has been freed
    cmp_ok($grown, '<', 1024, "grow a worker by less than 1 MB ($grown KB)")
        if !defined $ENV{ASAN_OPTIONS};
    ok(!$sse->{eof}, 'which goes on');
}


# Numbers of chat_status.

{
    my $talk = conversation('metric', 'hello');
    my $before = numbers();
    my $ws = ws(visitor => 'metric');
    my $agent = ws(agent => 'dana');
    my $sse = sse("conversation=$talk&since=" . cursor(1),
                  visitor => 'metric');

    $_->ask(type => 'subscribe', conversation => $talk) for $ws, $agent;
    $sse->next('subscribed');
    $agent->ask(type => 'send', conversation => $talk, text => 'count me',
                client_msg_id => 'metric');
    $_->next('message', 30) for $ws, $agent, $sse;

    my $now = numbers();
    my $delta = sub {
        my ($a, $b) = ($now, $before);
        ($a, $b) = ($a->{$_}, $b->{$_}) for @_;
        return $a - $b;
    };

    is($delta->(qw(handshakes accepted)), 2, 'handshakes');
    is($delta->(qw(connections websocket visitor)), 1, 'open WebSockets');
    is($delta->(qw(connections websocket agent)), 1, 'by role');
    is($delta->(qw(connections sse visitor)), 1, 'server-sent events');
    is($delta->(qw(events_out websocket durable)), 2, 'events delivered');
    is($delta->(qw(events_out sse durable)), 1, 'by transport');
    is($delta->('messages'), 1, 'messages');
    cmp_ok($delta->(qw(bytes_in websocket)), '>', 100, 'bytes read');
    cmp_ok($delta->(qw(bytes_out websocket)), '>', 200, 'bytes written');
    cmp_ok($delta->(qw(bytes_out sse)), '>', 100, 'by each');

    $ws->close(1000);
    is($ws->closed(30), 1000, 'one closes');
    $sse->abort;
    $agent->abort;
    number_is($before->{closes}{1000} + 1, 'its code is counted', 'closes',
              1000);
    number_is($before->{connections}{websocket}{visitor},
              'it is not open any more', qw(connections websocket visitor));
    number_is($before->{connections}{sse}{visitor}, 'nor is the other',
              qw(connections sse visitor));
}

$nginx->stop;
is(join('', $nginx->alarms), '', 'no alarms');


# What the server says by itself is not queued for a reader that has enough
# to read: heartbeats of one that reads now and then would go on for ever.

$nginx = nginx(workers => 1, name => 'beat', location => 'chat_heartbeat 1s;');

{
    my @talks = map { conversation("b$_", "talk $_") } 1 .. 20;
    my $slow = ws(port => $slow, rcvbuf => 4096, agent => 'dana');
    my $quick = ws(agent => 'dana');

    $slow->ask(type => 'subscribe', conversation => $_) for @talks;

    # the worker answers others while its queue for the one grows

    my $n = 0;

    wait_until {
        message($talks[0], 'agent dana', 'x' x 16000) for 1 .. 4;
        $n += 4;
        numbers()->{lag_mode_enters}{websocket} > 0;
    } 60;
    cmp_ok($n, '<', 200, 'a WebSocket that reads nothing lags');

    my $beats = 0;

    wait_until { $beats++ if $quick->next('heartbeat', 1); $beats >= 10 } 60;
    is($beats, 10, 'heartbeats for one that reads');

    # live events come before the page with which it catches up

    my ($waited, $live) = (0, 0);

    while (my $m = $slow->next(undef, 30)) {
        last if $m->{type} eq 'events';
        ($waited, $live) = (0, $live + 1) if $m->{type} eq 'message';
        $waited++ if $m->{type} eq 'heartbeat';
    }

    cmp_ok($live, '>', 0, 'what was live comes late');
    cmp_ok($waited, '<', 3, 'without the heartbeats of that time');
    ok($slow->next('heartbeat', 30), 'which go on then');
}

$nginx->stop;
is(join('', $nginx->alarms), '', 'no alarms');

done_testing();
