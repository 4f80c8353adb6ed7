# Support traffic, closed loop: how many messages a second.

use strict;
use warnings;

use Bench::Load ();
use Bench::Setup ();

my @peers = ('nchan', 'nchan, Redis', 'node');
my @columns = (
    ['messages/s', 'pub.per_s'], ['deliveries/s', 'deliver.per_s'],
    ['ack p50 ms', sub { $_[0]{pub}{ack_us}{p50} / 1000 }],
    ['ack p99 ms', sub { $_[0]{pub}{ack_us}{p99} / 1000 }],
    ['deliver p99 ms', sub { $_[0]{deliver}{latency_us}{p99} / 1000 }],
    Bench::Setup::cpu_columns(),
);

return {
    order => 1,
    title => 'support traffic: conversations with 2 subscribers each, 64 '
             . 'sends in flight',
    goal => '>= 1.0 of nchan (memory), 2 of nchan with Redis, 3 of node; at '
            . 'least 0.6, 1.2 and 2',
    size => {conversations => [200, 1000], growth => [2, 4]},
    cost => {start => 25, runs => 5, fewer => 8, each => 1.7},

    measure => sub {
        my ($bench, $size) = @_;

        my $n = $size->{conversations};
        my @sizes = ($n / 4, $n, $n * $size->{growth});
        my $setup = Bench::Setup->new($bench, conversations => $sizes[-1]);
        my %t = (
            'chat, Redis' => $setup->chat('redis'),
            'chat, PostgreSQL' => $setup->chat('postgres'),
            'nchan' => $setup->nchan,
            'nchan, Redis' => $setup->nchan('redis'),
            'node' => $setup->node,
        );
        my @order = ('chat, Redis', @peers, 'chat, PostgreSQL');

        if ($bench->{other}) {
            splice @order, 1, 0, 'other';
            $t{other} = $setup->chat('redis', module => $bench->{other});
        }

        my $run = sub {
            my ($t, $n, %opt) = @_;

            return sub { $setup->recorded($t, sub {
                $setup->load($t)->traffic($t, conversations => $n, %opt);
            }) };
        };

        $bench->alternate('peers', map { [$_ => $run->($t{$_}, $n)] } @order);

        # over TLS, by the other transports, and sent over WebSocket

        my $t = $t{'chat, Redis'};
        my $by = sub {
            my ($mode) = @_;

            return groups => [map {
                Bench::Load::subscribers($t, $n, mode => $mode, agent => $_)
            } 0, 1];
        };

        $bench->alternate('transports', $bench->fewer,
            ['WebSocket' => $run->($t, $n)],
            ['over TLS' => $run->({%$t, tls => 1}, $n)],
            ['SSE' => $run->($t, $n, $by->('sse'))],
            ['long poll' => $run->($t, $n, $by->('poll'))],
            ['sent over WebSocket' => $run->($t, $n,
                Bench::Load::publishers($t, 64, ws => 1))]);

        $bench->alternate('growth', $bench->fewer, map {
            [$_ => $run->($t, $_)] } @sizes);

        $setup->stop;
    },

    tell => sub {
        my ($tell, $size) = @_;

        my %want = ('nchan' => ['>= 1', '>= 0.6'],
                    'nchan, Redis' => ['>= 2', '>= 1.2'],
                    'node' => ['>= 3', '>= 2']);
        my %name = ('nchan' => 'nchan, memory');

        $tell->table('beside the peers', 'peers', undef, @columns);

        for my $peer (@peers) {
            $tell->goal('support traffic, 64 sends in flight',
                unit => 'messages/s', ours => ['peers', 'chat, Redis',
                                               'pub.per_s'],
                peer => ['peers', $peer, 'pub.per_s'], name => $name{$peer},
                want => $want{$peer}[0], least => $want{$peer}[1]);
        }

        $tell->goal('the same without Redis', unit => 'messages/s',
            ours => ['peers', 'chat, PostgreSQL', 'pub.per_s'],
            peer => ['peers', 'chat, Redis', 'pub.per_s'],
            name => 'with Redis');
        $tell->goal('this build, beside another one', unit => 'messages/s',
            ours => ['peers', 'chat, Redis', 'pub.per_s'],
            peer => ['peers', 'other', 'pub.per_s'])
            if @{$tell->runs('peers', 'other')};

        $tell->table('other transports', 'transports', undef, @columns);
        $tell->growth('CPU a message, us, over conversations', 'flat: 0',
            map { [$_, 'growth', $_, \&Bench::Setup::cpu_us] }
                $tell->order('growth'));
    },
};
