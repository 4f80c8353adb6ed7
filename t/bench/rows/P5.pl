# The durable append alone.

use strict;
use warnings;

use JSON::PP ();
use Bench::Load ();
use Bench::Setup ();

sub {
    my ($bench) = @_;

    $bench->row('P5', 'durable append alone: batches of 64 on each of 2 '
        . 'connections',
        'the module >= 0.9 of libpq calling the same function, the function '
        . '>= 0.7 of the plain insert');

    my $setup = Bench::Setup->new($bench, conversations => 10000);
    my $t = $setup->chat('redis');
    my $store = $setup->store;
    my $top = $bench->top . '/t/bench';
    my $conninfo = $store->conninfo('chat_redis');
    my $super = $store->super('chat_redis');

    $store->sql('chat_redis', Bench::read_file("$top/pg/plain.sql")
        . '; ALTER SCHEMA plain OWNER TO chat; GRANT ALL ON ALL TABLES IN '
        . 'SCHEMA plain TO chat; ANALYZE');
    $store->create('node', plain => 1);
    $store->sql('node', 'SET ROLE chat; '
        . Bench::read_file("$top/node/schema.sql"));

    my $libpq = sub {
        my ($mode, $rows, $connections) = @_;

        return sub {
            my $program = $bench->dir . '/append';
            my $seconds = $bench->seconds;
            my $out = `$program '$conninfo' $mode $rows $seconds $connections $t->{vars} 2>&1`;

            return eval { JSON::PP::decode_json($out) } // {void => [$out]};
        };
    };

    my $pgbench = sub {
        my ($clients) = @_;

        return sub {
            my $node = $store->conninfo('node');
            my $seconds = int($bench->seconds + 0.5);
            my $out = `pgbench -n -M prepared -f $top/pg/one.sql -c $clients -j 1 -T $seconds '$node' 2>&1`;

            return {per_s => $1} if $out =~ /tps = ([\d.]+)/;
            return {void => [$out]};
        };
    };

    my $module = sub {
        my ($n, $ws) = @_;

        return sub {
            my $r = $setup->load($t)->run(
                Bench::Load::publishers($t, $n, ws => $ws),
                channels => 10000, vars => $t->{vars}, warmup => 0.5,
                duration => $bench->seconds);

            $r->{per_s} = $r->{pub}{per_s};
            $r->{p50_us} = $r->{pub}{ack_us}{p50};
            $r->{p99_us} = $r->{pub}{ack_us}{p99};

            return $r;
        };
    };

    my @order = ('plain insert', 'function', 'module, WebSocket',
                 'module, POST', 'pgbench, 1 client', 'pgbench, 32 clients');
    my $results = $bench->alternate(
        ['plain insert' => $libpq->('plain', 64, 2)],
        ['function' => $libpq->('function', 64, 2)],
        ['module, WebSocket' => $module->(128, 1)],
        ['module, POST' => $module->(128, 0)],
        ['pgbench, 1 client' => $pgbench->(1)],
        ['pgbench, 32 clients' => $pgbench->(32)]);

    $bench->variants($results, \@order, ['messages/s', 'per_s'],
        ['p50 ms', sub { defined $_[0]{p50_us} ? $_[0]{p50_us} / 1000
                                               : undef }],
        ['p99 ms', sub { defined $_[0]{p99_us} ? $_[0]{p99_us} / 1000
                                               : undef }],
        Bench::Setup::cpu_columns());

    my %rate = map { $_ => $bench->median($results->{$_}, 'per_s') } @order;

    $bench->figure('function / plain insert',
        Bench::ratio(@rate{'function', 'plain insert'}), '>= 0.7');
    $bench->figure('module (WebSocket) / function',
        Bench::ratio(@rate{'module, WebSocket', 'function'}), '>= 0.9');
    $bench->figure('module (POST) / function',
        Bench::ratio(@rate{'module, POST', 'function'}));

    my @sizes = (8, 32, 128);
    my $some = $bench->alternate($bench->size(1, 3), map {
        my $rows = $_;
        map { ["$_ $rows" => $libpq->($_, $rows, 1)] } 'plain', 'function';
    } @sizes);

    $bench->variants($some, [map { ("plain $_", "function $_") } @sizes],
        ['messages/s', 'per_s'], ['p50 ms', sub { $_[0]{p50_us} / 1000 }],
        ['p99 ms', sub { $_[0]{p99_us} / 1000 }]);

    for my $mode ('plain', 'function') {
        $bench->growth("us a message over rows of a batch, $mode",
            [map { [$_, 1e6 / ($bench->median($some->{"$mode $_"}, 'per_s')
                               // 1e6)] } @sizes]);
    }

    $setup->stop;
};
