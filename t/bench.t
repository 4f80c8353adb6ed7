# The load generator: what it says of a server that loses, doubles and swaps
# messages is what that server has done, over each transport.

use strict;
use warnings;

use Digest::SHA qw(sha1_base64);
use IO::Select ();
use IO::Socket::INET ();
use JSON::PP ();
use Test::More;
use ChatTest;

my $program = "$ENV{CHAT_BUILD}/bench/load";
my $channels = 4;


# A server of its own, for one run: of every ten messages of a channel the
# third is lost, the fifth comes twice, and the seventh after the eighth, if
# it is a bad one.  Frames are cut in two, with a ping between.

sub server {
    my ($bad) = @_;

    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                       Listen => 64) or die "listen: $!\n";
    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        serve($listen, $bad);
        exit 0;
    }

    return ($pid, $listen->sockport);
}

sub serve {
    my ($listen, $bad) = @_;

    my $select = IO::Select->new($listen);
    my (%in, %room, %held);

    while (1) {
        for my $socket ($select->can_read) {
            if ($socket == $listen) {
                my $new = $listen->accept or next;
                $new->autoflush(1);
                $select->add($new);
                $in{$new} = '';
                next;
            }

            if (!sysread $socket, $in{$socket}, 65536, length $in{$socket}) {
                $select->remove($socket);
                delete $room{$_}{$socket} for keys %room;
                close $socket;
                next;
            }

            while ($in{$socket} =~ s{\A(GET|POST)\ /(\w+)/(\d+)\ .*?\r\n\r\n}
                                    {}xs)
            {
                my ($method, $what, $c, $head) = ($1, $2, $3, $&);

                if ($method eq 'POST') {
                    my ($length) = $head =~ /Content-Length: (\d+)/;
                    sysread $socket, $in{$socket}, 65536,
                            length $in{$socket}
                        while length $in{$socket} < $length;
                    my $body = substr $in{$socket}, 0, $length, '';

                    # the one time that it does not answer at once
                    select undef, undef, undef, 0.5
                        if $what eq 'slow' && $body =~ /#20 /;

                    publish($room{$c} //= {}, $held{$c} //= {}, $body, $bad);
                    print $socket "HTTP/1.1 201 Created\r\n"
                                  . "Content-Length: 2\r\n\r\nok";
                    next;
                }

                print $socket hello($what, $head);
                $room{$c}{$socket} = [$socket, $what] unless $what eq 'idle';
            }
        }
    }
}

sub hello {
    my ($what, $head) = @_;

    return "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"
        if $what eq 'none';
    return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        if $what eq 'idle';
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
           . "7\r\n: hi\n\n\r\n" if $what eq 'sse';
    return '' if $what eq 'poll';

    my ($key) = $head =~ /Sec-WebSocket-Key: (\S+)/;

    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
           . 'Sec-WebSocket-Accept: '
           . sha1_base64("${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
           . "=\r\n\r\n" . frame(0x81, 'welcome');
}

sub frame {
    my ($first, $text) = @_;

    my $n = length $text;

    return pack('CC', $first, $n) . $text if $n < 126;
    return pack('CCn', $first, 126, $n) . $text;
}

sub publish {
    my ($room, $held, $text, $bad) = @_;

    my $n = $bad && $text =~ /#(\d+)/ ? $1 % 10 : 0;
    my @texts = ($text);

    return if $n == 3;
    return $held->{text} = $text if $n == 7;

    push @texts, $text if $n == 5;
    push @texts, delete $held->{text} if $n == 8 && exists $held->{text};

    for my $message (@texts) {
        for my $one (values %$room) {
            my ($socket, $what) = @$one;

            if ($what eq 'sse') {
                my $event = "id: 1\ndata: $message\n\n";
                print $socket sprintf "%x\r\n%s\r\n", length $_, $_
                    for substr($event, 0, 9), substr($event, 9);

            } elsif ($what eq 'ws') {
                my $half = int(length($message) / 2);
                print $socket frame(0x01, substr $message, 0, $half),
                              frame(0x89, 'ping'),
                              frame(0x80, substr $message, $half);
            }
        }
    }
}


sub load {
    my ($bad, @args) = @_;

    my ($pid, $port) = server($bad);
    my @command = map { s/PORT/$port/r } $program, @args;

    open my $in, '-|', @command or die "$program: $!\n";
    my $out = do { local $/; <$in> };
    close $in;
    my $status = $? >> 8;

    kill 'KILL', $pid;
    waitpid $pid, 0;

    return (JSON::PP::decode_json($out), $status);
}

sub traffic {
    my ($bad, $mode, $n, @more) = @_;

    return load($bad, '--sub-url', "http://127.0.0.1:PORT/$mode/{c}",
        '--sub-mode', $mode, '--subs', $channels, '--channels', $channels,
        '--pub-url', 'http://127.0.0.1:PORT/pub/{c}', '--pubs', 1,
        '--messages', $n, '--warmup', 0, '--duration', 30, '--drain',
        $bad ? 2 : 30, @more);
}


for my $mode ('ws', 'sse') {
    my ($good) = traffic(0, $mode, 400);
    my $d = $good->{deliver};

    is($good->{pub}{acked}, 400, "$mode: everything is acknowledged");
    is($d->{unique}, 400, 'everything is delivered');
    is_deeply([@$d{qw(lost dup out_of_order foreign)}], [0, 0, 0, 0],
              'nothing is wrong');
    is($d->{latency_us}{n}, 400, 'each has a latency');
    cmp_ok($d->{latency_us}{p50}, '<=', $d->{latency_us}{p99},
           'percentiles are in order');

    # each of 4 channels gets the numbers 1 to 100

    my ($bad) = traffic(1, $mode, 400);
    $d = $bad->{deliver};

    is($d->{lost}, 40, "$mode: what is lost is found");
    is($d->{dup}, 40, 'what comes twice is found');
    is($d->{out_of_order}, 40, 'what comes in another order is found');
}


# What waits for an answer, two subscribers a channel, another process.

my ($ready) = load(0, '--sub-url', 'http://127.0.0.1:PORT/ws/{c}',
    '--sub-ready', 'welcome', '--subs', 8, '--channels', $channels,
    '--procs', 2, '--pub-url', 'http://127.0.0.1:PORT/pub/{c}', '--pubs', 2,
    '--messages', 100, '--warmup', 0, '--duration', 30, '--drain', 30);

is($ready->{subs}{open}, 8, 'subscribers of two processes are told');
is($ready->{deliver}{unique}, 200, 'each subscriber counts');

my ($never, $status) = load(0, '--sub-url', 'http://127.0.0.1:PORT/none/{c}',
    '--subs', 1, '--connect-rate', 100);

is($status, 1, 'a server that does not shake hands is an error');
is($never->{subs}{failed}, 1, 'and told');


# A server that is slow for a while: with a rate, messages have the time when
# they were due, so that all of that while is in their latencies.

my ($open) = load(0, '--sub-url', 'http://127.0.0.1:PORT/ws/{c}',
    '--subs', 1, '--pub-url', 'http://127.0.0.1:PORT/slow/{c}', '--pubs', 1,
    '--rate', 100, '--warmup', 0, '--duration', 1, '--drain', 30,
    '--on-ready', 'true');

cmp_ok($open->{pub}{acked}, '>', 50, 'an open loop publishes at its rate');
cmp_ok($open->{pub}{acked}, '<=', 101, 'and not above');
is($open->{deliver}{lost}, 0, 'nothing is lost');
cmp_ok($open->{deliver}{latency_us}{p90}, '>', 200_000,
       'what was due while the server was away counts as late');


# A reader that pauses gets everything later.

my ($pause) = load(0, '--sub-url', 'http://127.0.0.1:PORT/ws/{c}',
    '--sub-pause', 0.5, '--subs', 1, '--pub-url',
    'http://127.0.0.1:PORT/pub/{c}', '--pubs', 1, '--rate', 100, '--warmup',
    0, '--duration', 1, '--drain', 30);

is($pause->{deliver}{lost}, 0, 'a paused reader misses nothing');
cmp_ok($pause->{deliver}{latency_us}{max}, '>', 300_000,
       'but has it later');

done_testing();
