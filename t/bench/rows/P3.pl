# Support traffic at a given rate: how long from a send that is due to its
# delivery.

use strict;
use warnings;

use Bench::Setup ();

sub {
    my ($bench) = @_;

    $bench->row('P3', 'the same, open loop at 2,000 messages/s: due to '
        . 'delivered', 'p50 <= 0.8 ms, p99 <= 2.4 ms');

    my $setup = Bench::Setup->new($bench, conversations => 1000);
    my $n = $bench->size(200, 1000);
    my $rate = $bench->size(500, 2000);
    my @order = ('chat, Redis', 'chat, PostgreSQL', 'chat, TLS', 'nchan',
                 'nchan, Redis', 'node');
    my %t = (
        'chat, Redis' => $setup->chat('redis'),
        'chat, PostgreSQL' => $setup->chat('postgres'),
        'nchan' => $setup->nchan, 'nchan, Redis' => $setup->nchan('redis'),
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

    my $results = $bench->alternate(map { [$_ => $at->($_, $rate)] } @order);

    my $ms = sub { my $q = shift;
                   sub { $_[0]{deliver}{latency_us}{$q} / 1000 } };

    $bench->variants($results, \@order,
        ['messages/s', 'pub.per_s'],
        (map { ["$_ ms", $ms->($_)] } 'p50', 'p90', 'p99', 'p999'),
        ['ack p50 ms', sub { $_[0]{pub}{ack_us}{p50} / 1000 }],
        Bench::Setup::cpu_columns());

    for my $name ('chat, Redis', 'chat, PostgreSQL') {
        $bench->figure("$name p50 ms",
                       $bench->median($results->{$name}, $ms->('p50')),
                       '<= 0.8');
        $bench->figure("$name p99 ms",
                       $bench->median($results->{$name}, $ms->('p99')),
                       '<= 2.4');
    }

    # latency against rate, which is also the growth

    my @rates = map { $rate * $_ } 0.25, 0.5, 1, 2, 3, 4;
    my @shown = ('chat, Redis', 'nchan', 'nchan, Redis', 'node');
    my $sweep = $bench->alternate($bench->size(1, 1), map {
        my $name = $_;
        map { ["$name $_" => $at->($name, $_)] }
            $name eq 'node' ? @rates[0 .. 3] : @rates;
    } @shown);

    my (%p50, %p99);

    for my $name (@shown) {
        for my $rate (@rates) {
            my $some = $sweep->{"$name $rate"} or next;
            my $got = $bench->median($some, 'pub.per_s') // 0;

            # what cannot keep up has no latency
            next if $got < 0.95 * $rate;
            push @{$p50{$name}}, [$rate, $bench->median($some, $ms->('p50'))];
            push @{$p99{$name}}, [$rate, $bench->median($some, $ms->('p99'))];
        }
    }

    $bench->growth("p50 ms over messages/s, $_", $p50{$_} // []) for @shown;
    $bench->plot('latency-p50', log => 1, lines => \%p50,
        title => 'Due to delivered, median', x => 'messages/s', y => 'ms');
    $bench->plot('latency-p99', log => 1, lines => \%p99,
        title => 'Due to delivered, 99th percentile', x => 'messages/s',
        y => 'ms');

    $setup->stop;
};
