# A reconnect storm.

use strict;
use warnings;

use Bench::Load ();
use Bench::Setup ();

my $last = sub { $_[0]{subs}{resume_us}{max} / 1e6 };
my $ms = sub { my $q = shift; sub {
    my $us = $_[0]{deliver}{latency_us}{$q};
    return defined $us ? $us / 1000 : undef;
} };
my @parts = (0.1, 0.3);

return {
    order => 7,
    title => 'all clients are cut off at once, miss messages, come back at '
             . 'once and resume',
    goal => '10,000 resumed <= 5 s, <= 1 read a conversation',
    size => {clients => [1000, 10000]},
    cost => {start => 20, steady => 4, once => 2, each => 5.5},

    measure => sub {
        my ($bench, $size) = @_;

        my $most = $size->{clients};
        my $setup = Bench::Setup->new($bench, conversations => $most);
        my $chat = $setup->chat('redis');
        my $node = $setup->node;
        my $nchan = $setup->nchan;

        # a second before they are back, and until the messages of three
        # seconds have come; nobody has an old one at the start

        my $run = sub {
            my ($t, $n) = @_;

            return sub {
                my $server = $t->{server};
                my $reads = sub { $t->{kind} eq 'chat' ? $server->counter(
                    'chat_resumes_total{result="read"}') : 0 };

                $setup->forget($t);

                # reads of before are those of the first subscriptions

                my $first = $reads->();
                my $r = $setup->load($t)->run(
                    groups => [Bench::Load::subscribers($t, $n,
                                                        log => 1)],
                    Bench::Load::publishers($t, 32), channels => $n,
                    vars => $t->{vars}, rate => 500, storm => '', away => 1,
                    $t->{kind} eq 'nchan' ? (nchan => '') : (),
                    'connect-inflight' => 1000, 'connect-rate' => 6000,
                    warmup => 0.1, drain => 20,
                    duration => ($t->{tls} ? 5 : 2) + $bench->seconds / 2);

                $r->{reads} = ($reads->() - $first - $r->{subs}{open})
                              / ($r->{subs}{open} || 1)
                    if $t->{kind} eq 'chat';
                push @{$r->{void}}, $n - $r->{subs}{resumed}
                                    . ' did not come back'
                    if !$r->{void} && $r->{subs}{resumed} < $n;

                return $r;
            };
        };

        $bench->alternate('peers', $bench->steady,
            ['chat' => $run->($chat, $most)],
            ['nchan' => $run->($nchan, $most)],
            ['node' => $run->($node, $most)],
            ['chat, TLS' => $run->({%$chat, tls => 1}, $most / 4)]);
        $bench->alternate('sizes', 1, map { [$_ => $run->($chat, $_)] }
                          map { $most * $_ } @parts);

        $setup->stop;
    },

    tell => sub {
        my ($tell, $size) = @_;

        my $most = $size->{clients};

        $tell->table('time until they are back', 'peers', undef,
            ['clients', 'subs.resumed'],
            ['p50 s', sub { $_[0]{subs}{resume_us}{p50} / 1e6 }],
            ['p99 s', sub { $_[0]{subs}{resume_us}{p99} / 1e6 }],
            ['last s', $last], ['reads each', 'reads'],
            ['due to delivered p50 ms', $ms->('p50')],
            ['p99 ms', $ms->('p99')],
            Bench::Setup::cpu_columns());

        for my $peer ('nchan', 'node') {
            $tell->goal("$most clients are cut off: the last is back",
                unit => 's', ours => ['peers', 'chat', $last],
                peer => ['peers', $peer, $last], judge => 'ours',
                want => '<= 5');
        }

        $tell->goal('the same, reads a conversation', want => '<= 1',
                    ours => ['peers', 'chat', 'reads']);
        $tell->growth('time until the last is back over clients', '1',
            (map { [$_, 'sizes', $_, $last] } $tell->order('sizes')),
            [$most, 'peers', 'chat', $last]);
    },
};
