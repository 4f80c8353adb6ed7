# Memory of idle connections.

use strict;
use warnings;

use Bench::Load ();
use Bench::Setup ();

my @columns = (
    ['B a connection', 'bytes'],
    ['MB before', sub { $_[0]{watch}{server}{pss_before_kb} / 1024 }],
    ['MB with them', sub { $_[0]{watch}{server}{pss_held_kb} / 1024 }],
    ['connections', 'subs.open'], ['seconds', 'subs.connect_s'],
    ['kernel B', sub { $_[0]{subs}{slab_kb} * 1024 / $_[0]{subs}{open} }],
);
my @parts = (0.05, 0.25);

return {
    order => 9,
    title => 'idle WebSockets, each in a conversation of its own: memory of '
             . 'all nginx processes',
    goal => '<= 1.2 KB plain, <= 16 KB TLS, a tenth of nchan',
    size => {connections => [2000, 20000], tls => [500, 4000]},
    cost => {start => 15, steady => 6, once => 4, fixed => 1, each => 6},

    measure => sub {
        my ($bench, $size) = @_;

        my $most = $size->{connections};
        my $setup = Bench::Setup->new($bench, conversations => $most);
        my %make = ('chat' => sub { $setup->chat('redis') },
                    'nchan' => sub { $setup->nchan },
                    'node' => sub { $setup->node },
                    'bare, keep-alive' => sub { $setup->bare });

        # a server that has served nobody yet, each time

        my $idle = sub {
            my ($make, $n, $tls) = @_;

            return sub {
                my $t = {%{$make->()}, tls => $tls};
                my $r = $setup->load($t)->run(
                    groups => [Bench::Load::subscribers($t, $n, mode =>
                        $t->{kind} eq 'bare' ? 'idle' : 'ws')],
                    channels => $n, vars => $t->{vars}, procs => 2,
                    settle => 0.5, 'connect-rate' => $tls ? 2500 : 12000);

                $r->{bytes} = $r->{watch}{server}{pss_per_sub};
                $t->{server}->stop;

                return $r;
            };
        };

        $bench->alternate('peers', $bench->steady,
            (map { [$_ => $idle->($make{$_}, $most)] }
                'chat', 'nchan', 'node', 'bare, keep-alive'),
            ['chat, TLS' => $idle->($make{chat}, $size->{tls}, 1)],
            ['bare, TLS' => $idle->($make{'bare, keep-alive'}, $size->{tls},
                                    1)]);
        $bench->alternate('sizes', 1, map {
            my $name = $_;
            map { ["$name, $_" => $idle->($make{$name}, $_)] }
                map { $most * $_ } @parts;
        } 'chat', 'nchan', 'node');

        $setup->stop;
    },

    tell => sub {
        my ($tell, $size) = @_;

        my $most = $size->{connections};

        $tell->table("$most idle connections, $size->{tls} over TLS", 'peers',
                     undef, @columns);

        for my $peer (['nchan', '>= 10'], ['node', undef],
                      ['bare, keep-alive', undef])
        {
            $tell->goal('idle WebSocket', unit => 'B',
                ours => ['peers', 'chat', 'bytes'],
                peer => ['peers', $peer->[0], 'bytes'], over => 'peer',
                want => $peer->[1]);
        }

        $tell->goal('idle WebSocket', unit => 'B', want => '<= 1229',
                    ours => ['peers', 'chat', 'bytes']);
        $tell->goal('the same over TLS', unit => 'B', want => '<= 16384',
            ours => ['peers', 'chat, TLS', 'bytes'], judge => 'ours',
            peer => ['peers', 'bare, TLS', 'bytes']);

        my %lines;
        my $mb = sub { $_[0]{watch}{server}{pss_held_kb} / 1024 };

        for my $name ('chat', 'nchan', 'node') {
            my @points = ((map { [$most * $_, 'sizes',
                                  "$name, " . $most * $_] } @parts),
                          [$most, 'peers', $name]);

            $tell->growth("memory over connections, $name", '1', map {
                [@$_, sub { ($_[0]{watch}{server}{pss_held_kb}
                             - $_[0]{watch}{server}{pss_before_kb}) }]
            } @points);

            for my $point (@points) {
                my ($n, @which) = @$point;
                my $at = $tell->median(@which, $mb);

                push @{$lines{$name}}, [$n, $at] if defined $at;
            }
        }

        $tell->plot('memory', title => 'Memory of all processes of the '
            . 'server', x => 'idle WebSockets', y => 'MB', lines => \%lines);
    },
};
