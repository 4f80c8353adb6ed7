# What a POST of a message costs nginx.

use strict;
use warnings;

use Bench::Load ();
use Bench::Setup ();

sub {
    my ($bench) = @_;

    $bench->row('P7', 'POST of a message, nobody listens: CPU of nginx',
        '<= 25 us');

    my $setup = Bench::Setup->new($bench, conversations => 1000);
    my $chat = $setup->chat('redis');
    my %t = ('chat' => $chat, 'chat, TLS' => {%$chat, tls => 1},
             'bare' => $setup->bare);
    my @order = ('chat', 'chat, TLS', 'bare');

    my $run = sub {
        my ($t, $n) = @_;

        return sub {
            $setup->load($t)->run(Bench::Load::publishers($t, $n),
                channels => 1000, vars => $chat->{vars}, warmup => 0.5,
                duration => $bench->seconds);
        };
    };

    my $results = $bench->alternate(map { [$_ => $run->($t{$_}, 64)] }
                                    @order);
    my $us = 'watch.server.us_per_publish';

    $bench->variants($results, \@order, ['POST/s', 'pub.per_s'],
        ['nginx us/POST', $us],
        ['PostgreSQL us/POST', 'watch.postgres.us_per_publish'],
        ['Redis us/POST', 'watch.redis.us_per_publish'],
        ['p50 ms', sub { $_[0]{pub}{ack_us}{p50} / 1000 }],
        ['p99 ms', sub { $_[0]{pub}{ack_us}{p99} / 1000 }],
        Bench::Setup::cpu_columns());
    $bench->saturated($results, @order);

    my %cost = map { $_ => $bench->median($results->{$_}, $us) } @order;

    $bench->figure('nginx, us a POST', $cost{chat}, '<= 25');
    $bench->figure('chat / bare', Bench::ratio(@cost{'chat', 'bare'}));

    my @sizes = (4, 16, 64, 256);
    my $some = $bench->alternate($bench->size(1, 3), map {
        [$_ => $run->($chat, $_)] } @sizes);

    $bench->growth('CPU of nginx a POST over sends in flight',
        [map { [$_, $bench->median($some->{$_}, $us)] } @sizes], '~0');
    $bench->growth('CPU of PostgreSQL a POST over sends in flight',
        [map { [$_, $bench->median($some->{$_},
                                   'watch.postgres.us_per_publish')] }
         @sizes]);

    $setup->stop;
};
