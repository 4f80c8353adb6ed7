# The start of a session.

use strict;
use warnings;

use Bench::Load ();
use Bench::Setup ();

sub {
    my ($bench) = @_;

    $bench->row('P10', 'start of an anonymous session, open loop at 500/s',
        '<= 2 statements, p99 <= 3 ms');

    my $setup = Bench::Setup->new($bench, conversations => 100);
    my $t = $setup->chat('redis');
    my $store = $setup->store;
    my $count = 'SELECT xact_commit FROM pg_stat_database WHERE datname = '
                . "'chat_redis'";

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
                duration => $bench->seconds + 1);

            select undef, undef, undef, 1.2;
            my $after = $store->sql('postgres', $count);

            $r->{statements} = ($after - $before)
                               / ($r->{pub}{acked} || 1);
            return $r;
        };
    };

    my $rate = 500;
    my $results = $bench->alternate(['plain' => $run->($rate)],
                                    ['TLS' => $run->($rate, 1)]);
    my $ms = sub { my $q = shift; sub { $_[0]{pub}{ack_us}{$q} / 1000 } };

    $bench->variants($results, ['plain', 'TLS'], ['sessions/s', 'pub.per_s'],
        (map { ["$_ ms", $ms->($_)] } 'p50', 'p99', 'p999'),
        ['statements each', 'statements'], Bench::Setup::cpu_columns());
    $bench->figure('p99 ms', $bench->median($results->{plain}, $ms->('p99')),
                   '<= 3');
    $bench->figure('statements a session',
                   $bench->median($results->{plain}, 'statements'), '<= 2');

    my @rates = (250, 1000, 2000);
    my $some = $bench->alternate($bench->size(1, 3), map {
        [$_ => $run->($_)] } @rates);

    $bench->growth('p50 ms over sessions/s', [map {
        [$_, $bench->median($some->{$_}, $ms->('p50'))] } @rates]);

    $setup->stop;
};
