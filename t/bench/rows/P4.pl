# One message to many readers.

use strict;
use warnings;

use Bench::Load ();
use Bench::Program ();
use Bench::Setup ();

my $us = 'watch.server.us_per_delivery';
my $ms = sub { my $q = shift;
               sub { ($_[0]{deliver}{latency_us}{$q} // 0) / 1000 } };

# of a WebSocket frame with a message
my $bytes = 350;

return {
    order => 5,
    title => 'broadcast to the readers of one conversation: CPU of the '
             . 'server a delivery',
    goal => '<= 1.25 of a bare loop of writev() to as many sockets; slow '
            . 'readers cost the others nothing',
    size => {readers => [500, 5000], slow => [100, 500]},
    cost => {start => 14, runs => 6, fewer => 2, each => 2.8},

    measure => sub {
        my ($bench, $size) = @_;

        my $n = $size->{readers};
        my $setup = Bench::Setup->new($bench, conversations => 100);
        my $chat = $setup->chat('redis');
        my $nchan = $setup->nchan;

        my $run = sub {
            my ($t, $n) = @_;

            return sub { $setup->recorded($t, sub {
                $setup->load($t)->run(
                    groups => [Bench::Load::subscribers($t, $n, agent => 1)],
                    Bench::Load::publishers($t, 1), vars => $t->{vars},
                    $t->{kind} eq 'nchan' ? (nchan => '') : (), warmup => 0.5,
                    'connect-rate' => $t->{tls} ? 3000 : 10000,
                    duration => $bench->seconds);
            }) };
        };

        # as many again that do not read: more is sent than the kernel and the
        # server keep waiting for them, before anything is measured;
        # afterwards they must get everything

        my $half = $size->{slow} / 2;
        my $slowly = $setup->chat('redis', as => '_slow',
                                  listen => 'sndbuf=32k');
        my $slow = sub {
            my ($beside) = @_;

            my @groups = (
                Bench::Load::subscribers($slowly, $half, agent => 1),
                Bench::Load::subscribers($slowly, $half, agent => 1,
                    group => {'sub-pause' => $bench->seconds + 1.5,
                              'sub-aside' => ''}));

            return sub {
                my $server = $slowly->{server};
                my $lag = $server->counter('chat_lag_mode_enters_total');
                my $r = $setup->load($slowly)->run(
                    groups => [@groups[0 .. $beside]],
                    Bench::Load::publishers($slowly, 1),
                    vars => $slowly->{vars}, rate => 60, pad => 8000,
                    warmup => 1.5, drain => 20, duration => $bench->seconds);

                $r->{lag} = $server->counter('chat_lag_mode_enters_total')
                            - $lag;

                return $r;
            };
        };

        $bench->alternate('peers', ['chat' => $run->($chat, $n)],
            ['nchan' => $run->($nchan, $n)],
            ['chat, TLS' => $run->({%$chat, tls => 1}, $n)],
            ['writev' => sub {
                Bench::Program::floor($bench, 'fanout', $n, $bytes) }]);
        $bench->alternate('slow readers', ['alone' => $slow->(0)],
            ['beside slow ones' => $slow->(1)]);
        $bench->alternate('sizes', $bench->fewer, map {
            [$_ => $run->($chat, $_)] } map { int $n * $_ } 0.1, 0.3);

        $setup->stop;
    },

    tell => sub {
        my ($tell, $size) = @_;

        my $n = $size->{readers};

        $tell->table("$n readers", 'peers', ['chat', 'chat, TLS', 'nchan'],
            ['deliveries/s', 'deliver.per_s'], ['broadcasts/s', 'pub.per_s'],
            ['p50 ms', $ms->('p50')], ['p99 ms', $ms->('p99')],
            Bench::Setup::cpu_columns());
        $tell->table('the bare loop', 'peers', ['writev'],
            ['writes/s', 'per_s'], ['us/write', 'us_per_write'],
            ['cores', 'cpu']);
        $tell->goal("broadcast to $n readers, CPU a delivery", unit => 'us',
            ours => ['peers', 'chat', $us],
            peer => ['peers', 'writev', 'us_per_write'],
            name => 'bare loop of writev()', want => '<= 1.25');
        $tell->goal('the same', unit => 'us', ours => ['peers', 'chat', $us],
            peer => ['peers', 'nchan', $us]);

        my $half = $size->{slow} / 2;
        my @slow = ('alone', 'beside slow ones');

        $tell->table("$half readers of 60 messages/s of 8 KB, alone and "
            . 'beside as many that do not read', 'slow readers', \@slow,
            ['deliveries/s', 'deliver.per_s'], ['p50 ms', $ms->('p50')],
            ['p90 ms', $ms->('p90')], ['p99 ms', $ms->('p99')],
            ['lag mode', 'lag'],
            ['MB more', sub { ($_[0]{watch}{server}{pss_after_kb}
                               - $_[0]{watch}{server}{pss_held_kb}) / 1024 }],
            Bench::Setup::cpu_columns());

        my $beside = sub {
            my ($what, $unit, $of, $want) = @_;

            $tell->goal("$half readers beside as many slow ones, $what",
                unit => $unit, ours => ['slow readers', $slow[1], $of],
                peer => ['slow readers', $slow[0], $of], name => 'alone',
                want => $want);
        };

        $beside->('CPU a delivery', 'us', $us, '<= 1.2');
        $beside->('latency p50', 'ms', $ms->('p50'), '<= 1.2');
        $beside->('latency p99', 'ms', $ms->('p99'), undef);

        $tell->growth('CPU a delivery, us, over readers', 'flat: 0',
            (map { [$_, 'sizes', $_, $us] } $tell->order('sizes')),
            [$n, 'peers', 'chat', $us]);
    },
};
