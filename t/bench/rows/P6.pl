# Events that are not stored: typing.

use strict;
use warnings;

use JSON::PP ();
use Bench::Load ();
use Bench::Setup ();

sub {
    my ($bench) = @_;

    $bench->row('P6', 'typing: CPU of the server a delivery',
        '<= 2 of one recv() and one writev()');

    my $n = $bench->size(100, 500);
    my $rate = $bench->size(1000, 8000);
    my $setup = Bench::Setup->new($bench, conversations => 500);
    my %t = ('chat, Redis' => $setup->chat('redis'),
             'chat, PostgreSQL' => $setup->chat('postgres'),
             'nchan' => $setup->nchan);

    # visitors type, agents read: each conversation has one of both

    my $run = sub {
        my ($t, $n, $rate) = @_;

        return sub {
            my %pub = $t->{kind} eq 'nchan'
                ? Bench::Load::publishers($t, 64)
                : ('pub-url' => Bench::Load::url($t, '/support/v1/stream'),
                   'pub-mode' => 'ws', pubs => $n,
                   'pub-header' => 'Authorization: Bearer {1}',
                   body => '{"type":"typing","conversation":"{2}",'
                           . '"on":{odd}}',
                   count => '"type":"typing"');

            $setup->load($t)->run(
                groups => [Bench::Load::subscribers($t, $n, agent => 1)],
                %pub, channels => $n, vars => $t->{vars}, rate => $rate,
                $t->{kind} eq 'nchan' ? (nchan => '') : (), warmup => 0.5,
                duration => $bench->seconds);
        };
    };

    my $floor = sub {
        my $seconds = $bench->seconds;
        my $program = $bench->dir . '/floor';

        return JSON::PP::decode_json(
            `$program relay ${\($n * 2)} 150 $seconds`);
    };

    my @order = ('chat, Redis', 'nchan');
    my $results = $bench->alternate(
        (map { [$_ => $run->($t{$_}, $n, $rate)] } @order),
        ['chat, PostgreSQL' => $run->($t{'chat, PostgreSQL'}, $n,
                                      $rate / 8)],
        ['recv and writev' => $floor]);

    push @order, 'chat, PostgreSQL';
    $bench->variants($results, \@order, ['deliveries/s', 'deliver.per_s'],
        Bench::Setup::cpu_columns());
    $bench->variants($results, ['recv and writev'], ['relayed/s', 'per_s'],
        ['us', 'us_per_write']);

    my $us = 'watch.server.us_per_delivery';
    my $bare = $bench->median($results->{'recv and writev'}, 'us_per_write');

    $bench->figure("$_ / recv and writev",
        Bench::ratio($bench->median($results->{$_}, $us), $bare),
        $_ eq 'nchan' ? undef : '<= 2') for @order;

    my @sizes = map { int $n * $_ } 0.1, 0.3;
    my $some = $bench->alternate($bench->size(1, 3), map {
        [$_ => $run->($t{'chat, Redis'}, $_, $rate / 2)] } @sizes, $n);

    $bench->growth('CPU a delivery over conversations',
        [map { [$_, $bench->median($some->{$_}, $us)] } @sizes, $n], '~0');

    $setup->stop;
};
