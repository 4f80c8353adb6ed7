# Instructions per delivery.

use strict;
use warnings;

use Bench::Callgrind ();
use Bench::Load ();
use Bench::Setup ();

my $total = sub { $_[0]{instructions}{total} };

return {
    order => 11,
    title => 'user-space instructions of nginx a message with its 2 '
             . 'deliveries, by layer, over connections',
    goal => 'flat within 10 % from 100 to 20,000 connections',
    size => {least => [100, 100], middle => [200, 2000],
             most => [400, 20000], messages => [100, 200]},
    cost => {start => 60, each => 0},

    measure => sub {
        my ($bench, $size) = @_;

        my @sizes = @$size{qw(least middle most)};
        my $setup = Bench::Setup->new($bench,
                                      conversations => $sizes[-1] / 2);
        my $out = $bench->dir . '/tmp/callgrind.out';

        # two workers: each may have 20,000 descriptors, and so the path of a
        # message over Redis is in it.  Heartbeats go by time and not by
        # messages: there are none.

        my $run = sub {
            my ($n) = @_;

            return sub {
                unlink glob "$out*";

                my $t = $setup->chat('redis', foreground => 1,
                    main => 'daemon off;', patience => 120,
                    more => 'chat_heartbeat 5m;',
                    under => ['valgrind', '--tool=callgrind', '-q',
                              '--trace-children=yes', '--instr-atstart=no',
                              '--compress-strings=no', '--compress-pos=no',
                              "--callgrind-out-file=$out.%p"]);
                my $pid = $t->{server}{pid};
                my $control = 'for p in $(cat /proc/' . $pid . '/task/'
                    . $pid . '/children); do callgrind_control -i %s $p; '
                    . 'done > /dev/null 2>&1';

                # some conversations talk, the others are there; one message
                # at a time, so that how many share a batch or a turn of the
                # event loop does not depend on how fast the machine is

                my $r = $setup->load($t)->traffic($t,
                    conversations => $n / 2, publishers => 1,
                    messages => $size->{messages}, duration => 60,
                    warmup => 0, drain => 30, procs => 2,
                    'connect-rate' => 1000,
                    'on-ready' => sprintf($control, 'on'),
                    'on-done' => sprintf($control, 'off'));

                $t->{server}->stop;
                $r->{limit} = 'rate';       # of callgrind

                my %sum;

                for my $file (glob "$out.*") {
                    my $layers = Bench::Callgrind::layers($file);
                    $sum{$_} += $layers->{$_} for keys %$layers;
                }

                for my $layer (keys %sum) {
                    my $each = $sum{$layer} / ($r->{pub}{acked} || 1);

                    $r->{instructions}{$layer} = $each;
                    $r->{instructions}{total} += $each;
                }

                push @{$r->{void}}, 'nothing was counted' unless %sum;

                return $r;
            };
        };

        # callgrind counts the same each time: one round will do
        $bench->alternate('connections', 1, map { [$_ => $run->($_)] }
                                            @sizes);

        $setup->stop;
    },

    tell => sub {
        my ($tell) = @_;

        my @sizes = $tell->order('connections');
        my %at = map {
            my $run = $tell->runs('connections', $_)->[0];
            ($_ => $run ? $run->{instructions} : {});
        } @sizes;
        my %names = map { $_ => 1 } map { keys %$_ } values %at;
        my $most = (grep { $at{$_}{total} } @sizes)[-1] or return;

        $tell->lines('instructions a message, and their share', ['',
            map { Bench::Stat::short($_) . ' connections', '%' } @sizes],
            map {
                my $layer = $_;
                [$layer, map {
                    my $n = $at{$_}{$layer};
                    (Bench::Stat::short($n), defined $n
                        ? sprintf('%.1f', 100 * $n / $at{$_}{total}) : '-')
                } @sizes];
            } sort { ($b eq 'total') <=> ($a eq 'total')
                     or ($at{$most}{$b} // 0) <=> ($at{$most}{$a} // 0) }
            keys %names);

        $tell->goal('instructions a delivery, '
            . Bench::Stat::short($sizes[-1]) . ' connections', unit => '',
            ours => ['connections', $sizes[-1],
                     sub { ($total->(@_) // return undef) / 2 }],
            peer => ['connections', $sizes[0],
                     sub { ($total->(@_) // return undef) / 2 }],
            name => "$sizes[0] connections", want => '<= 1.1');
        $tell->growth('instructions a message over connections', 'flat: 0',
            map { [$_, 'connections', $_, $total] } @sizes);
    },
};
