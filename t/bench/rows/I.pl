# Instructions per delivery.

use strict;
use warnings;

use Bench::Callgrind ();
use Bench::Load ();
use Bench::Setup ();

sub {
    my ($bench) = @_;

    $bench->row('I', 'user-space instructions of nginx a message with its 2 '
        . 'deliveries, by layer, over connections',
        'flat within 10 % from 100 to 15,000 connections');

    # one worker, so that one process is counted: it may have 20,000 descriptors
    my @sizes = $bench->quick ? (100, 400) : (100, 1500, 15000);
    my $setup = Bench::Setup->new($bench, conversations => $sizes[-1] / 2);
    my $out = $bench->dir . '/tmp/callgrind.out';
    my $messages = $bench->size(200, 500);

    my $run = sub {
        my ($n) = @_;

        return sub {
            unlink glob "$out*";

            my $t = $setup->chat('redis', workers => 1, foreground => 1,
                main => "daemon off;\nmaster_process off;", patience => 120,
                under => ['valgrind', '--tool=callgrind', '-q',
                          '--instr-atstart=no', '--compress-strings=no',
                          '--compress-pos=no',
                          "--callgrind-out-file=$out"]);
            my $pid = $t->{server}{pid};
            my $control = "callgrind_control -i %s $pid > /dev/null 2>&1";

            # some connections talk, the others are there
            my $r = $setup->load($t)->traffic($t, conversations => $n / 2,
                publishers => 16, messages => $messages, duration => 60,
                warmup => 0, rate => 200, drain => 30, procs => 2,
                'connect-rate' => 2000,
                'on-ready' => sprintf($control, 'on'),
                'on-done' => sprintf($control, 'off'));

            $t->{server}->stop;
            $r->{layers} = Bench::Callgrind::layers($out);
            $r->{instructions}{total} = 0;

            for my $layer (keys %{$r->{layers}}) {
                my $each = $r->{layers}{$layer} / ($r->{pub}{acked} || 1);

                $r->{instructions}{$layer} = $each;
                $r->{instructions}{total} += $each;
            }

            return $r;
        };
    };

    # callgrind counts the same each time: one round will do
    my $results = $bench->alternate(1, map { [$_ => $run->($_)] } @sizes);
    my %names = map { $_ => 1 } map { keys %{$_->[0]{instructions} // {}} }
                values %$results;

    $bench->table(['', map { "$_ connections" } @sizes], map {
        my $layer = $_;
        [$layer, map { Bench::short($results->{$_}[0]{instructions}{$layer})
        } @sizes];
    } sort { ($b eq 'total') <=> ($a eq 'total')
             or ($results->{$sizes[0]}[0]{instructions}{$b} // 0)
                <=> ($results->{$sizes[0]}[0]{instructions}{$a} // 0) }
    keys %names);

    my @total = map { $results->{$_}[0]{instructions}{total} } @sizes;

    $bench->growth('instructions a message over connections',
        [map { [$sizes[$_], $total[$_]] } 0 .. $#sizes], '~0');
    $bench->figure("at $sizes[-1] connections / at $sizes[0]",
                   Bench::ratio(@total[-1, 0]), '<= 1.1');

    $setup->stop;
};
