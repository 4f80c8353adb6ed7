package Bench::Program;

# Programs that measure what is below the servers: redis-benchmark, pgbench,
# and those of the benchmark's own.

use strict;
use warnings;

use JSON::PP ();
use Bench ();
use Bench::Stat ();


# What a command prints; dies if it fails.

sub output {
    my ($command) = @_;

    my $out = `$command 2>&1`;
    die "$command: $out" if $?;

    return $out;
}

sub json { JSON::PP::decode_json(output(@_)) }


# floor(bench, what, connections, bytes): the kernel alone.

sub floor {
    my ($bench, $what, $connections, $bytes) = @_;

    return json(join ' ', $bench->dir . '/floor', $what, $connections,
                $bytes, $bench->seconds);
}

# PUBLISH to a subscriber and its message, one at a time.

sub hop {
    my ($bench, $port) = @_;

    return json(join ' ', $bench->dir . '/hop', $port, 200,
                $bench->seconds);
}


# PUBLISH, nobody listens.  The number of requests is what takes a second on
# a machine that does 12,000 one at a time, or 90,000 of many.

sub redis_benchmark {
    my ($bench, $port, $clients, $pipeline) = @_;

    my $n = int(($clients > 1 ? 90_000 : 12_000) * $bench->seconds);
    my $out = output("redis-benchmark -p $port -n $n -c $clients "
                     . "-P $pipeline --csv publish channel "
                     . 'x' x 200);

    # "test","rps","avg","min","p50","p95","p99","max"
    my ($last) = reverse grep { /^"/ } split /\n/, $out;
    my @cells = ($last // '') =~ /"([^"]*)"/g;

    die "redis-benchmark: $out" unless @cells == 8 && $cells[1] =~ /^[\d.]+$/;

    return {per_s => $cells[1], mean_ms => $cells[2], p50_ms => $cells[4],
            p99_ms => $cells[6]};
}


# pgbench(bench, conninfo, script, clients, rate): one statement at a time of
# each client.  With a rate what is due waits, and that counts.

sub pgbench {
    my ($bench, $conninfo, $script, $clients, $rate) = @_;

    my $seconds = int($bench->seconds + 0.99);
    my $log = $bench->dir . "/tmp/pgbench.$$";
    my $file = $bench->top . "/t/bench/pg/$script";

    unlink glob "$log.*";

    my $out = output("pgbench -n -M prepared -f $file -c $clients -j 1 "
        . "-T $seconds -l --log-prefix=$log "
        . (defined $rate ? "-R $rate " : '') . "'$conninfo'");

    # client, transaction, microseconds, ...
    my @us = map { [split ' ']->[2] } map { split /\n/, Bench::read_file($_) }
             glob "$log.*";

    unlink glob "$log.*";

    return {per_s => ($out =~ /tps = ([\d.]+)/ ? $1
                                                : die "pgbench: $out"),
            mean_ms => Bench::Stat::quantile(0, @us) / 1000,
            map { ("p${_}_ms" => Bench::Stat::quantile($_ / 100, @us)
                                 / 1000) } 50, 99};
}


1;
