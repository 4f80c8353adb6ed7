# Memory of idle server-sent events.

use strict;
use warnings;

use IPC::Open2 qw(open2);
use Bench::Load ();
use Bench::Setup ();

my @streams = (100, 10, 1);

return {
    order => 13,
    extra => 1,
    title => 'idle server-sent events and long polls, each in a conversation '
             . 'of its own: memory of all nginx processes',
    goal => 'none: each holds a request of nginx',
    size => {clients => [500, 4000]},
    cost => {start => 10, runs => 6, each => 5},

    measure => sub {
        my ($bench, $size) = @_;

        my $n = $size->{clients};
        my $setup = Bench::Setup->new($bench, conversations => $n);
        my $script = $bench->top . '/t/bench/node/h2.js';

        # a server that has served nobody yet, each time

        my $over = sub {
            my ($mode) = @_;

            return sub {
                my $t = $setup->chat('redis');
                my $r = $setup->load($t)->run(
                    groups => [Bench::Load::subscribers($t, $n,
                                                        mode => $mode)],
                    channels => $n, vars => $t->{vars}, procs => 2,
                    settle => 1, 'connect-rate' => 2000);

                $r->{bytes} = $r->{watch}{server}{pss_per_sub};
                $t->{server}->stop;

                return $r;
            };
        };

        my $h2 = sub {
            my ($streams) = @_;

            return sub {
                my $t = $setup->chat('redis');
                my $before = $t->{server}->memory;
                my $pid = open2(my $out, my $in, 'node', $script,
                                $t->{server}{h2}, $n / $streams, $streams,
                                $t->{vars});
                my $said = <$out> // '';

                sleep 1;

                my $held = $t->{server}->memory - $before;

                close $in;
                waitpid $pid, 0;
                $t->{server}->stop;

                return {bytes => $held / $n, $said eq "ready\n"
                        ? () : (void => ['not all are in'])};
            };
        };

        $bench->alternate('transports', ['WebSocket' => $over->('ws')],
            ['HTTP/1.1' => $over->('sse')], ['long poll' => $over->('poll')],
            map { ["HTTP/2, $_ a connection" => $h2->($_)] } @streams);

        $setup->stop;
    },

    tell => sub {
        my ($tell) = @_;

        $tell->table('memory', 'transports', undef, ['B each', 'bytes']);
    },
};
