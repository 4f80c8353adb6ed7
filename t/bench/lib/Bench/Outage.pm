package Bench::Outage;

# What is lost under load, and what the workers do meanwhile.

use strict;
use warnings;

use IO::Socket::INET ();
use Time::HiRes qw(sleep time);
use Bench ();


# Asks each worker for nothing at all, all the time: how long it takes is how
# long its event loop was at something else, with what the machine adds.

sub probes {
    my ($port, $n) = @_;

    return map {
        IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port)
            or die "cannot connect: $!\n"
    } 1 .. $n;
}

sub probe {
    my ($socket) = @_;

    my $began = time;
    my $in = '';

    print $socket "GET /support/v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    sysread $socket, $in, 4096, length $in or die "a probe was cut off\n"
        until $in =~ /\r\n\r\n/;

    return 1000 * (time - $began);
}


# Strikes some seconds after the file is there, mends it, and tells the ms of
# the probes and the seconds from then until all workers have their bus again.
# The last three are in seconds.

sub watch {
    my ($server, $file, $strike, $mend, $before, $lost, $after) = @_;

    sleep 0.01 until -e $file;

    my $began = time;
    my @sockets = probes($server->{port}, 16);
    my ($struck, $mended, $back, $asked, @ms) = (0, 0, undef, 0);

    while (time < $began + $before + $lost + $after) {
        push @ms, probe($_) for @sockets;
        sleep 0.002;

        if (!$struck && time > $began + $before) {
            $struck = time;
            $strike->();
        }

        if (!$mended && time > $began + $before + $lost) {
            $mend->();
            $mended = time;
        }

        next if !$mended || defined $back || time < $asked + 0.1;

        $asked = time;
        $back = $asked - $mended
            if $server->counter('chat_bus_ready') == $server->{workers};
    }

    @ms = sort { $a <=> $b } @ms;

    return {back => $back, stall => $ms[-1], p999 => $ms[@ms * 0.999]};
}


# What is done, and what mends it.

sub redis {
    my ($setup) = @_;

    my $redis = $setup->redis;
    my $dir = $setup->{bench}->dir . '/redis';
    my $tool = $setup->{bench}->top . '/t/lib/redis';
    my $signal = sub {
        chomp(my $pid = `$tool pid $dir`);
        kill $_[0], $pid;
    };

    return {
        none => [sub { }, sub { }],
        killed => [sub { $signal->('KILL') }, sub {
            system("$tool start $dir --port $redis->{port} --bind 127.0.0.1 "
                   . '> /dev/null') == 0 or die "Redis does not start\n";
        }],
        hung => [sub { $signal->('STOP') }, sub { $signal->('CONT') }],
        flushed => [sub {
            my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                PeerPort => $redis->{port}) or die "Redis: $!\n";
            print $socket "FLUSHALL\r\nQUIT\r\n";
            my @lines = <$socket>;
        }, sub { }],
    };
}


1;
