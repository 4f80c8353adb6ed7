# One message to many readers.

use strict;
use warnings;

use JSON::PP ();
use Bench::Load ();
use Bench::Setup ();

sub {
    my ($bench) = @_;

    $bench->row('P4', 'broadcast to 5,000 readers of one conversation: CPU '
        . 'of the server a delivery',
        '<= 1.25 of a bare loop of writev() to 5,000 sockets');

    my $n = $bench->size(500, 5000);
    my $setup = Bench::Setup->new($bench, conversations => 100);
    my @order = ('chat', 'chat, TLS', 'nchan');
    my $chat = $setup->chat('redis');
    my %t = ('chat' => $chat, 'chat, TLS' => {%$chat, tls => 1},
             'nchan' => $setup->nchan);

    my $run = sub {
        my ($t, $n, $tls) = @_;

        return sub {
            $setup->load($t)->run(
                groups => [Bench::Load::subscribers($t, $n, agent => 1)],
                Bench::Load::publishers($t, 1), vars => $t->{vars},
                $t->{kind} eq 'nchan' ? (nchan => '') : (), warmup => 0.5,
                'connect-rate' => $tls ? 2500 : 10000,
                duration => $bench->seconds);
        };
    };

    my $bytes = 350;
    my $floor = sub {
        my ($n) = @_;

        my $seconds = $bench->seconds;
        my $program = $bench->dir . '/floor';
        my $out = `$program fanout $n $bytes $seconds`;

        return JSON::PP::decode_json($out);
    };

    my $results = $bench->alternate(
        (map { [$_ => $run->($t{$_}, $n, /TLS/)] } @order),
        ['writev' => sub { $floor->($n) }]);

    $bench->variants($results, \@order,
        ['deliveries/s', 'deliver.per_s'], ['broadcasts/s', 'pub.per_s'],
        ['p50 ms', sub { ($_[0]{deliver}{latency_us}{p50} // 0) / 1000 }],
        ['p99 ms', sub { ($_[0]{deliver}{latency_us}{p99} // 0) / 1000 }],
        Bench::Setup::cpu_columns());
    $bench->variants($results, ['writev'], ['writes/s', 'per_s'],
        ['us/write', 'us_per_write'], ['cores', 'cpu']);
    $bench->saturated($results, @order);

    my $us = 'watch.server.us_per_delivery';
    my $bare = $bench->median($results->{writev}, 'us_per_write');

    $bench->figure('chat / writev',
        Bench::ratio($bench->median($results->{chat}, $us), $bare),
        '<= 1.25');
    $bench->figure('nchan / writev',
        Bench::ratio($bench->median($results->{nchan}, $us), $bare));

    my @sizes = map { int $n * $_ } 0.1, 0.3;
    my $some = $bench->alternate($bench->size(1, 3),
        map { [$_ => $run->($chat, $_)] } @sizes);

    $some->{$n} = $results->{chat};
    $bench->growth('CPU a delivery over readers',
        [map { [$_, $bench->median($some->{$_}, $us)] } @sizes, $n], '~0');

    # some do not read: the others are not to notice, and they get it later

    my $slow = sub {
        my ($pause) = @_;

        return sub {
            my $t = $chat;

            $setup->load($t)->run(
                groups => [
                    Bench::Load::subscribers($t, $n / 2, agent => 1),
                    Bench::Load::subscribers($t, $n / 50, agent => 1,
                        group => {'sub-pause' => $pause,
                                  'sub-ignore' => undef}),
                ],
                Bench::Load::publishers($t, 1), vars => $t->{vars},
                rate => 5, pad => 8000, warmup => 0.5, drain => 10,
                'connect-rate' => 10000, duration => $bench->seconds);
        };
    };

    my $paused = $bench->alternate($bench->size(1, 3),
        ['all read' => $slow->(0)],
        ['1 in 26 does not' => $slow->($bench->seconds + 1)]);

    $bench->variants($paused, ['all read', '1 in 26 does not'],
        ['deliveries/s', 'deliver.per_s'],
        ['p50 ms', sub { ($_[0]{deliver}{latency_us}{p50} // 0) / 1000 }],
        ['p90 ms', sub { ($_[0]{deliver}{latency_us}{p90} // 0) / 1000 }],
        ['MB more', sub { ($_[0]{watch}{server}{pss_after_kb}
                           - $_[0]{watch}{server}{pss_held_kb}) / 1024 }],
        Bench::Setup::cpu_columns());

    $setup->stop;
};
