# Events that are not stored: typing.

use strict;
use warnings;

use Bench::Load ();
use Bench::Program ();
use Bench::Setup ();

my $us = 'watch.server.us_per_delivery';
my @order = ('chat, Redis', 'nchan', 'chat, PostgreSQL');

return {
    order => 6,
    title => 'typing: CPU of the server a delivery',
    goal => '<= 2 of one recv() and one writev()',
    size => {conversations => [100, 500], rate => [1000, 8000]},
    cost => {start => 15, runs => 4, fewer => 2, each => 1.8},

    measure => sub {
        my ($bench, $size) = @_;

        my ($n, $rate) = @$size{qw(conversations rate)};
        my $setup = Bench::Setup->new($bench, conversations => $n);
        my %t = ('chat, Redis' => $setup->chat('redis'),
                 'chat, PostgreSQL' => $setup->chat('postgres'),
                 'nchan' => $setup->nchan);

        # visitors type, agents read: each conversation has one of both

        my $run = sub {
            my ($t, $n, $rate) = @_;

            return sub {
                my %pub = $t->{kind} eq 'nchan'
                    ? Bench::Load::publishers($t, 64)
                    : ('pub-url' => Bench::Load::url($t,
                                                     '/support/v1/stream'),
                       'pub-mode' => 'ws', pubs => $n,
                       'pub-header' => 'Authorization: Bearer {1}',
                       'pub-hello' => '{"type":"subscribe",'
                                      . '"conversation":"{2}"}',
                       body => '{"type":"typing","conversation":"{2}",'
                               . '"on":{odd}}',
                       count => '"type":"typing"');

                $setup->load($t)->run(
                    groups => [Bench::Load::subscribers($t, $n, agent => 1)],
                    %pub, channels => $n, vars => $t->{vars}, rate => $rate,
                    $t->{kind} eq 'nchan' ? (nchan => '') : (),
                    warmup => 0.5, duration => $bench->seconds);
            };
        };

        # without Redis each event is a statement of PostgreSQL

        $bench->alternate('peers',
            ['chat, Redis' => $run->($t{'chat, Redis'}, $n, $rate)],
            ['nchan' => $run->($t{nchan}, $n, $rate)],
            ['chat, PostgreSQL' => $run->($t{'chat, PostgreSQL'}, $n,
                                          $rate / 8)],
            ['recv and writev' => sub {
                Bench::Program::floor($bench, 'relay', $n * 2, 150) }]);
        $bench->alternate('sizes', $bench->fewer, map {
            [$_ => $run->($t{'chat, Redis'}, $_, $rate)] }
            map { int $n * $_ } 0.2, 0.5);

        $setup->stop;
    },

    tell => sub {
        my ($tell, $size) = @_;

        $tell->table("$size->{rate} a second, without Redis an eighth of it",
            'peers', \@order, ['deliveries/s', 'deliver.per_s'],
            Bench::Setup::cpu_columns());
        $tell->table('the bare relay', 'peers', ['recv and writev'],
            ['relayed/s', 'per_s'], ['us', 'us_per_write'],
            ['cores', 'cpu']);

        for my $name ('chat, Redis', 'chat, PostgreSQL') {
            $tell->goal("typing, CPU a delivery, $name", unit => 'us',
                ours => ['peers', $name, $us],
                peer => ['peers', 'recv and writev', 'us_per_write'],
                want => '<= 2');
        }

        $tell->goal('typing, CPU a delivery, chat, Redis', unit => 'us',
            ours => ['peers', 'chat, Redis', $us],
            peer => ['peers', 'nchan', $us]);
        $tell->growth('CPU a delivery, us, over conversations', 'flat: 0',
            (map { [$_, 'sizes', $_, $us] } $tell->order('sizes')),
            [$size->{conversations}, 'peers', 'chat, Redis', $us]);
    },
};
