# Support traffic, closed loop: how many messages a second.

use strict;
use warnings;

use Bench::Load ();
use Bench::Setup ();

sub {
    my ($bench) = @_;

    $bench->row('P2', 'support traffic: 1,000 conversations with 2 '
        . 'subscribers each, 64 sends in flight',
        '>= 1.0 of nchan (memory), 2 of nchan with Redis, 3 of node; '
        . 'at least 0.6, 1.2 and 2');

    my $setup = Bench::Setup->new($bench, conversations => 4000);
    my $n = $bench->size(200, 1000);
    my @order = ('chat, Redis', 'chat, PostgreSQL', 'nchan', 'nchan, Redis',
                 'node');
    my %t = (
        'chat, Redis' => $setup->chat('redis'),
        'chat, PostgreSQL' => $setup->chat('postgres'),
        'nchan' => $setup->nchan, 'nchan, Redis' => $setup->nchan('redis'),
        'node' => $setup->node,
    );

    if ($bench->{other}) {
        splice @order, 1, 0, 'other';
        $t{other} = $setup->chat('redis', module => $bench->{other});
    }

    my $results = $bench->alternate(map {
        my $t = $t{$_};
        [$_ => sub { $setup->load($t)->traffic($t, conversations => $n) }];
    } @order);

    my @columns = (
        ['messages/s', 'pub.per_s'], ['deliveries/s', 'deliver.per_s'],
        ['ack p50 ms', sub { $_[0]{pub}{ack_us}{p50} / 1000 }],
        ['ack p99 ms', sub { $_[0]{pub}{ack_us}{p99} / 1000 }],
        ['deliver p99 ms', sub { $_[0]{deliver}{latency_us}{p99} / 1000 }],
        Bench::Setup::cpu_columns(),
    );

    $bench->variants($results, \@order, @columns);
    $bench->saturated($results, @order);

    my %rate = map { $_ => $bench->median($results->{$_}, 'pub.per_s') }
               @order;
    my %goal = ('nchan' => '1.0, least 0.6', 'nchan, Redis' => '2, least 1.2',
                'node' => '3, least 2');

    for my $peer ('nchan', 'nchan, Redis', 'node') {
        $bench->figure("chat, Redis / $peer",
                       Bench::ratio($rate{'chat, Redis'}, $rate{$peer}),
                       $goal{$peer});
    }

    $bench->figure('other / chat, Redis',
                   Bench::ratio(@rate{'other', 'chat, Redis'}))
        if $bench->{other};

    # how it is over TLS, by the other transports, and sent over WebSocket

    my $t = $t{'chat, Redis'};
    my $tls = {%$t, tls => 1};
    my @others = ('plain', 'TLS', 'SSE', 'long poll', 'sent over WebSocket');
    my %run = (
        'plain' => sub { $setup->load($t)->traffic($t, conversations => $n) },
        'TLS' => sub {
            $setup->load($t)->traffic($tls, conversations => $n) },
        (map {
            my ($name, $mode) = @$_;
            $name => sub {
                $setup->load($t)->traffic($t, conversations => $n, groups => [
                    Bench::Load::subscribers($t, $n, mode => $mode),
                    Bench::Load::subscribers($t, $n, mode => $mode,
                                             agent => 1)]);
            };
        } ['SSE', 'sse'], ['long poll', 'poll']),
        'sent over WebSocket' => sub {
            $setup->load($t)->traffic($t, conversations => $n,
                Bench::Load::publishers($t, 64, ws => 1)) },
    );

    $results = $bench->alternate(map { [$_ => $run{$_}] } @others);
    $bench->variants($results, \@others, @columns);

    # growth: conversations, and sends in flight

    my @sizes = map { $n * $_ } $bench->size(1, 0.25), 1, 4;
    my %size = map { ("$_ conversations" => $_) } @sizes;

    $results = $bench->alternate($bench->size(1, 3), map {
        my $size = $_;
        ["$size conversations" => sub {
            $setup->load($t)->traffic($t, conversations => $size) }];
    } @sizes);

    $bench->growth('CPU a message over conversations',
        [map { [$_, $bench->median($results->{"$_ conversations"},
                                   \&Bench::Setup::cpu_us)] } @sizes], '~0');

    $setup->stop;
};
