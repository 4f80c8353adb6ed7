# What a POST of a message costs nginx.

use strict;
use warnings;

use Bench::Load ();
use Bench::Setup ();

my $us = 'watch.server.us_per_publish';
my @sizes = (4, 16, 256);

return {
    order => 4,
    title => 'POST of a message, nobody listens: CPU of nginx',
    goal => '<= 25 us',
    size => {conversations => [1000, 1000]},
    cost => {start => 8, runs => 3, fewer => 3, each => 1.2},

    measure => sub {
        my ($bench, $size) = @_;

        my $n = $size->{conversations};
        my $setup = Bench::Setup->new($bench, conversations => $n);
        my $chat = $setup->chat('redis');
        my $bare = $setup->bare;

        my $run = sub {
            my ($t, $senders) = @_;

            return sub { $setup->recorded($t, sub {
                $setup->load($t)->run(
                    Bench::Load::publishers($t, $senders), channels => $n,
                    vars => $chat->{vars}, warmup => 0.5,
                    duration => $bench->seconds);
            }) };
        };

        $bench->alternate('peers', ['chat' => $run->($chat, 64)],
            ['bare' => $run->($bare, 64)],
            ['chat, TLS' => $run->({%$chat, tls => 1}, 64)]);
        $bench->alternate('sizes', $bench->fewer, map {
            [$_ => $run->($chat, $_)] } @sizes);

        $setup->stop;
    },

    tell => sub {
        my ($tell) = @_;

        $tell->table('64 sends in flight', 'peers', undef,
            ['POST/s', 'pub.per_s'], ['nginx us/POST', $us],
            ['PostgreSQL us/POST', 'watch.postgres.us_per_publish'],
            ['Redis us/POST', 'watch.redis.us_per_publish'],
            ['p50 ms', sub { $_[0]{pub}{ack_us}{p50} / 1000 }],
            ['p99 ms', sub { $_[0]{pub}{ack_us}{p99} / 1000 }],
            Bench::Setup::cpu_columns());
        $tell->goal('POST of a message, CPU of nginx', unit => 'us',
            ours => ['peers', 'chat', $us], peer => ['peers', 'bare', $us],
            name => 'bare nginx', want => '<= 25', judge => 'ours');

        for my $part ('server', 'postgres') {
            my $what = "watch.$part.us_per_publish";
            my %name = (server => 'nginx', postgres => 'PostgreSQL');

            $tell->growth("CPU of $name{$part} a POST, us, over sends in "
                . 'flight', $part eq 'server' ? 'flat: 0' : undef,
                map { [$_, $_ == 64 ? ('peers', 'chat') : ('sizes', $_),
                       $what] } sort { $a <=> $b } @sizes, 64);
        }
    },
};
