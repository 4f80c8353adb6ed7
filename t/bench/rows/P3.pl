# Support traffic at a given rate: how long from a send that is due to its
# delivery.

use strict;
use warnings;

use Bench::Load ();
use Bench::Program ();
use Bench::Setup ();

my $ms = sub { my $q = shift; sub {
    my $us = $_[0]{deliver}{latency_us}{$q};
    return defined $us ? $us / 1000 : undef;
} };

# the rates of the plots, of that of the goal; node does not come that far
my @rates = (0.5, 1, 2, 3, 4);
my @plotted = ('chat, Redis', 'nchan', 'nchan, Redis', 'node');
my %least = ('node' => 3);

return {
    order => 2,
    title => 'the same, open loop at 2,000 messages/s: due to delivered',
    goal => 'p50 <= 0.8 ms, p99 <= 2.4 ms',
    size => {conversations => [200, 1000], rate => [500, 2000]},
    cost => {start => 22, runs => 11, once => 18, each => 1.3},

    measure => sub {
        my ($bench, $size) = @_;

        my $n = $size->{conversations};
        my $setup = Bench::Setup->new($bench, conversations => $n);
        my %t = (
            'chat, Redis' => $setup->chat('redis'),
            'chat, PostgreSQL' => $setup->chat('postgres'),
            'nchan' => $setup->nchan,
            'nchan, Redis' => $setup->nchan('redis'),
            'node' => $setup->node,
        );

        $t{'chat, TLS'} = {%{$t{'chat, Redis'}}, tls => 1};

        my $at = sub {
            my ($name, $rate) = @_;

            return sub {
                $setup->load($t{$name})->traffic($t{$name},
                    conversations => $n, rate => $rate, publishers => 128);
            };
        };

        # what a message cannot do without, one at a time

        my $port = $setup->redis->{port};
        my $redis = sub {
            my @args = @_;

            return sub { Bench::Program::redis_benchmark($bench, $port,
                                                         @args) };
        };

        $bench->alternate('peers',
            (map { [$_ => $at->($_, $size->{rate})] }
                'chat, Redis', 'nchan', 'nchan, Redis', 'node',
                'chat, PostgreSQL', 'chat, TLS'),
            ['PUBLISH' => $redis->(1, 1)],
            ['PUBLISH, 32 clients' => $redis->(32, 1)],
            ['PUBLISH to subscriber' => sub {
                Bench::Program::hop($bench, $port) }],
            ['committed insert' => sub {
                Bench::Program::pgbench($bench,
                    $setup->store->conninfo('node'), 'one.sql', 1) }]);

        $bench->alternate('rates', 1, map {
            my $name = $_;
            map { ["$name at $_" => $at->($name, $_)] }
            map { $size->{rate} * $_ }
                @rates[0 .. ($least{$name} // @rates) - 1];
        } @plotted);

        $setup->stop;
    },

    tell => sub {
        my ($tell, $size) = @_;

        my @servers = ('chat, Redis', 'chat, PostgreSQL', 'chat, TLS',
                       'nchan', 'nchan, Redis', 'node');

        $tell->table("at $size->{rate} messages/s", 'peers', \@servers,
            ['messages/s', 'pub.per_s'],
            (map { ["$_ ms", $ms->($_)] } 'p50', 'p90', 'p99', 'p999'),
            ['ack p50 ms', sub { $_[0]{pub}{ack_us}{p50} / 1000 }],
            Bench::Setup::cpu_columns());
        $tell->table('what a message cannot do without, one at a time',
            'peers', ['PUBLISH', 'PUBLISH, 32 clients',
                      'PUBLISH to subscriber', 'committed insert'],
            ['a second', 'per_s'], ['p50 ms', 'p50_ms'],
            ['p99 ms', 'p99_ms']);

        my %want = (p50 => '<= 0.8', p99 => '<= 2.4');

        for my $name ('chat, Redis', 'chat, PostgreSQL') {
            for my $q ('p50', 'p99') {
                $tell->goal("due to delivered at 2,000/s, $name, $q",
                    unit => 'ms', ours => ['peers', $name, $ms->($q)],
                    peer => ['peers', 'nchan', $ms->($q)],
                    name => 'nchan, memory', want => $want{$q},
                    judge => 'ours');
            }
        }

        for my $peer ('nchan, Redis', 'node') {
            $tell->goal("due to delivered at 2,000/s, chat, Redis, $_",
                unit => 'ms', ours => ['peers', 'chat, Redis', $ms->($_)],
                peer => ['peers', $peer, $ms->($_)]) for 'p50', 'p99';
        }

        $tell->goal('the same beside the floor: one hop over Redis, p50',
            unit => 'ms', ours => ['peers', 'chat, Redis', $ms->('p50')],
            peer => ['peers', 'PUBLISH to subscriber', 'p50_ms']);
        $tell->goal('the same beside one committed insert, mean',
            unit => 'ms', ours => ['peers', 'chat, Redis', $ms->('p50')],
            peer => ['peers', 'committed insert', 'mean_ms']);

        # latency against rate: what cannot keep up has none

        my (%p50, %p99);

        for my $name (@plotted) {
            for my $rate (map { $size->{rate} * $_ } @rates) {
                my @variant = ('rates', "$name at $rate");
                my $got = $tell->median(@variant, 'pub.per_s') // 0;

                next if $got < 0.95 * $rate;
                push @{$p50{$name}}, [$rate,
                                      $tell->median(@variant, $ms->('p50'))];
                push @{$p99{$name}}, [$rate,
                                      $tell->median(@variant, $ms->('p99'))];
            }

            $tell->growth("p50 ms over messages/s, $name", undef, map {
                my $rate = $size->{rate} * $_;
                [$rate, 'rates', "$name at $rate", $ms->('p50')]
            } @rates[0 .. ($least{$name} // @rates) - 1]);
        }

        $tell->plot('latency-p50', log => 1, lines => \%p50,
            title => 'Due to delivered, median', x => 'messages/s',
            y => 'ms');
        $tell->plot('latency-p99', log => 1, lines => \%p99,
            title => 'Due to delivered, 99th percentile', x => 'messages/s',
            y => 'ms');
    },
};
