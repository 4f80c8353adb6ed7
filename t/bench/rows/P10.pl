# The start of a session.

use strict;
use warnings;

use Bench::Load ();
use Bench::Program ();
use Bench::Setup ();

my @rates = (250, 1000, 2000);

# of the generator's results and of pgbench's
my $ms = sub { my $q = shift; sub {
    my $us = $_[0]{pub} && $_[0]{pub}{ack_us}{$q};
    return defined $us ? $us / 1000 : $_[0]{"${q}_ms"};
} };

return {
    order => 8,
    title => 'start of an anonymous session, open loop at 500/s',
    goal => '<= 2 statements, p99 <= 3 ms',
    size => {rate => [500, 500]},
    cost => {start => 10, runs => 3, fewer => 3, each => 2},

    measure => sub {
        my ($bench, $size) = @_;

        my $setup = Bench::Setup->new($bench, conversations => 100);
        my $t = $setup->chat('redis');
        my $store = $setup->store;
        my $count = 'SELECT xact_commit FROM pg_stat_database WHERE datname '
                    . "= '$t->{database}'";

        my $run = sub {
            my ($rate, $tls) = @_;

            return sub {
                # what PostgreSQL counts it tells later
                my $before = $store->sql('postgres', $count);
                my $r = $setup->load($t)->run(
                    'pub-url' => Bench::Load::url({%$t, tls => $tls},
                                                  '/support/v1/session'),
                    'pub-header' => 'Content-Type: application/json',
                    body => '{"mode":"bearer"}', pubs => 64, rate => $rate,
                    channels => 64, warmup => 0.5,
                    duration => $bench->seconds);

                select undef, undef, undef, 1.2;
                $r->{statements} = ($store->sql('postgres', $count) - $before)
                                   / ($r->{pub}{acked} || 1);

                return $r;
            };
        };

        $bench->alternate('peers', ['chat' => $run->($size->{rate})],
            ['pgbench' => sub {
                Bench::Program::pgbench($bench,
                    $store->conninfo($t->{database}), 'session.sql', 8,
                    $size->{rate}) }],
            ['chat, TLS' => $run->($size->{rate}, 1)]);
        $bench->alternate('rates', $bench->fewer, map {
            [$_ => $run->($_)] } @rates);

        $setup->stop;
    },

    tell => sub {
        my ($tell, $size) = @_;

        $tell->table('500 a second', 'peers', undef,
            ['sessions/s', sub { $_[0]{per_s} // $_[0]{pub}{per_s} }],
            (map { ["$_ ms", $ms->($_)] } 'p50', 'p99', 'p999'),
            ['statements each', 'statements'], Bench::Setup::cpu_columns());
        $tell->goal('start of a session at 500/s, p99', unit => 'ms',
            ours => ['peers', 'chat', $ms->('p99')],
            peer => ['peers', 'pgbench', $ms->('p99')],
            name => 'pgbench, the same statement', want => '<= 3',
            judge => 'ours');
        $tell->goal('the same, p50', unit => 'ms',
            ours => ['peers', 'chat', $ms->('p50')],
            peer => ['peers', 'pgbench', $ms->('p50')],
            name => 'pgbench, the same statement');
        $tell->goal('the same, statements', want => '<= 2',
                    ours => ['peers', 'chat', 'statements']);
        $tell->growth('p50, ms, over sessions/s', undef, map {
            [$_, $_ == 500 ? ('peers', 'chat') : ('rates', $_), $ms->('p50')]
        } sort { $a <=> $b } @rates, 500);
    },
};
