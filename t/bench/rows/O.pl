# Redis is lost under load.

use strict;
use warnings;

use JSON::PP ();
use POSIX ();
use Bench::Load ();
use Bench::Outage ();
use Bench::Setup ();

my $json = JSON::PP->new;
my ($before, $lost, $after) = (2, 4, 6);
my @order = ('none', 'killed', 'hung', 'flushed');


my $s = sub {
    my ($path) = @_;

    return sub { (Bench::Stat::value($_[0], $path) // 0) / 1e6 };
};

return {
    order => 14,
    extra => 1,
    title => "Redis is killed and started, hangs, is flushed, for $lost s "
             . 'under load',
    goal => 'sends refused 0, delivered p99 <= 2 s, back <= 5 s, no stall '
            . '> 50 ms',
    size => {clients => [100, 1000], rate => [100, 500]},
    cost => {start => 15, runs => 4, each => 14},

    measure => sub {
        my ($bench, $size) = @_;

        my $n = $size->{clients};
        my $setup = Bench::Setup->new($bench, conversations => $n);
        my $t = $setup->chat('redis');
        my $faults = Bench::Outage::redis($setup);

        my $run = sub {
            my ($fault) = @_;

            my $file = $bench->dir . '/tmp/outage';

            unlink $file, "$file.json";
            my $child = fork // die "fork: $!\n";

            if ($child == 0) {
                my $seen = eval { Bench::Outage::watch(
                               $t->{server}, $file, @$fault,
                               $before, $lost, $after) }
                           // {error => $@};
                Bench::write_file("$file.json", $json->encode($seen));
                POSIX::_exit(0);
            }

            my $r = Bench::Load->new($bench, server => $t->{server})->run(
                groups => [Bench::Load::subscribers($t, $n)],
                Bench::Load::publishers($t, 32), channels => $n,
                vars => $t->{vars}, rate => $size->{rate},
                'on-ready' => "touch $file", warmup => 0.1,
                duration => $before + $lost + $after - 1, drain => 10);

            # whatever has become of the load
            Bench::write_file($file, '') if !-e $file;
            waitpid $child, 0;

            my $seen = $json->decode(Bench::read_file("$file.json"));
            $r->{outage} = $seen;
            $r->{void} = [$seen->{error}] if $seen->{error};
            $r->{void} //= ['the bus did not come back']
                if !defined $seen->{back};

            return $r;
        };

        $bench->alternate('outages', map { my $name = $_;
            [$name => sub { $run->($faults->{$name}) }] } @order);
        $setup->stop;
    },

    tell => sub {
        my ($tell) = @_;

        $tell->table('outages', 'outages', undef, ['sent', 'pub.acked'],
            ['refused', 'pub.failed'],
            ['acknowledged p99 s', $s->('pub.ack_us.p99')],
            ['delivered p50 s', $s->('deliver.latency_us.p50')],
            ['p99 s', $s->('deliver.latency_us.p99')],
            ['last s', $s->('deliver.latency_us.max')],
            ['back s', 'outage.back'], ['probe p99.9 ms', 'outage.p999'],
            ['longest ms', 'outage.stall']);

        for my $fault (@order[1 .. 3]) {
            $tell->goal("$fault: delivered p99", unit => 's', want => '<= 2',
                ours => ['outages', $fault, $s->('deliver.latency_us.p99')]);
            $tell->goal("$fault: back", unit => 's', want => '<= 5',
                ours => ['outages', $fault, 'outage.back']);
            $tell->goal("$fault: longest probe", unit => 'ms',
                want => '<= 50', ours => ['outages', $fault,
                                          'outage.stall']);
        }

        $tell->note('a probe waits for the machine too: see those of "none"');
    },
};
