# The durable append alone.

use strict;
use warnings;

use Bench::Load ();
use Bench::Program ();
use Bench::Setup ();

my @batches = (8, 32, 128);
my @columns = (['messages/s', 'per_s'], ['p50 ms', 'p50_ms'],
               ['p99 ms', 'p99_ms']);

return {
    order => 3,
    title => 'durable append alone: batches of 64 on each of 2 connections',
    goal => 'the module >= 0.9 of libpq calling the same function, the '
            . 'function >= 0.7 of the plain insert',
    size => {conversations => [10000, 10000]},
    cost => {start => 22, runs => 6, fewer => 6, each => 0.8},

    measure => sub {
        my ($bench, $size) = @_;

        my $n = $size->{conversations};
        my $setup = Bench::Setup->new($bench, conversations => $n);
        my $t = $setup->chat('redis');
        my $store = $setup->store;
        my $top = $bench->top . '/t/bench';
        my $conninfo = $store->conninfo($t->{database});

        $store->sql($t->{database}, Bench::read_file("$top/pg/plain.sql")
            . '; ALTER SCHEMA plain OWNER TO chat; GRANT ALL ON ALL TABLES '
            . 'IN SCHEMA plain TO chat; ANALYZE');
        $store->create('node', plain => 1);
        $store->sql('node', 'SET ROLE chat; '
            . Bench::read_file("$top/node/schema.sql"));

        my $libpq = sub {
            my ($mode, $rows, $connections) = @_;

            return sub {
                my $r = Bench::Program::json(join ' ', $bench->dir
                    . '/append', "'$conninfo'", $mode, $rows,
                    $bench->seconds, $connections, $t->{vars});

                $r->{$_ . '_ms'} = $r->{$_ . '_us'} / 1000 for 'p50', 'p99';

                return $r;
            };
        };

        my $module = sub {
            my ($ws) = @_;

            return sub { $setup->recorded($t, sub {
                my $r = $setup->load($t)->run(
                    Bench::Load::publishers($t, 128, ws => $ws),
                    channels => $n, vars => $t->{vars}, warmup => 0.5,
                    duration => $bench->seconds);

                $r->{per_s} = $r->{pub}{per_s};
                $r->{$_ . '_ms'} = $r->{pub}{ack_us}{$_} / 1000
                    for 'p50', 'p99';

                return $r;
            }) };
        };

        my $pgbench = sub {
            my ($clients) = @_;

            return sub { Bench::Program::pgbench($bench,
                             $store->conninfo('node'), 'one.sql', $clients) };
        };

        $bench->alternate('peers',
            ['module, WebSocket' => $module->(1)],
            ['function' => $libpq->('function', 64, 2)],
            ['plain insert' => $libpq->('plain', 64, 2)],
            ['module, POST' => $module->(0)],
            ['pgbench, 1 client' => $pgbench->(1)],
            ['pgbench, 32 clients' => $pgbench->(32)]);
        $bench->alternate('batches', $bench->fewer, map {
            my $rows = $_;
            map { ["$_, $rows" => $libpq->($_, $rows, 1)] }
                'plain', 'function';
        } @batches);

        $setup->stop;
    },

    tell => sub {
        my ($tell) = @_;

        $tell->table('128 senders, or two connections with batches of 64',
            'peers', undef, @columns, Bench::Setup::cpu_columns());

        for my $line (
            ['durable append, over WebSocket', 'module, WebSocket',
             'function', 'libpq, the same function', '>= 0.9'],
            ['durable append, by POST', 'module, POST', 'function',
             'libpq, the same function', undef],
            ['the function by itself', 'function', 'plain insert',
             'plain unnest insert', '>= 0.7'],
            ['durable append, over WebSocket', 'module, WebSocket',
             'pgbench, 32 clients', 'pgbench, one by one', undef])
        {
            my ($what, $ours, $peer, $name, $want) = @$line;

            $tell->goal($what, unit => 'messages/s', name => $name,
                ours => ['peers', $ours, 'per_s'],
                peer => ['peers', $peer, 'per_s'], want => $want);
        }

        $tell->table('rows of a batch, one connection', 'batches', undef,
                     @columns);

        for my $mode ('plain', 'function') {
            $tell->growth("us a message over rows of a batch, $mode", undef,
                map { [$_, 'batches', "$mode, $_",
                       sub { 1e6 / $_[0]{per_s} }] } @batches);
        }
    },
};
