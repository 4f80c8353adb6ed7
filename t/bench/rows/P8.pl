# A reconnect storm.

use strict;
use warnings;

use Bench::Load ();
use Bench::Setup ();

sub {
    my ($bench) = @_;

    $bench->row('P8', 'all clients are cut off at once, miss messages, come '
        . 'back at once and resume',
        '10,000 resumed <= 5 s, <= 1 read a conversation');

    my $most = $bench->size(1000, 10000);
    my $setup = Bench::Setup->new($bench, conversations => $most);
    my %t = ('chat' => $setup->chat('redis'));

    $t{'chat, TLS'} = {%{$t{chat}}, tls => 1};

    my $run = sub {
        my ($t, $n) = @_;

        return sub {
            my $server = $t->{server};
            my $reads = sub { $server->counter('chat_resumes_total'
                                               . '{result="read"}') };

            # reads of before are those of the first subscriptions

            my $first = $reads->();
            my $r = $setup->load($t)->run(
                groups => [Bench::Load::subscribers($t, $n)],
                Bench::Load::publishers($t, 32), channels => $n,
                vars => $t->{vars}, rate => 500, storm => '', away => 1,
                'connect-inflight' => 1000, 'connect-rate' => 5000,
                warmup => 0.1, duration => $t->{tls} ? 8 : 4, drain => 20);
            my $last = $reads->();

            $r->{reads} = ($last - $first - $r->{subs}{open})
                          / ($r->{subs}{open} || 1);
            $r->{void} = [$n - $r->{subs}{resumed} . ' did not come back']
                if !$r->{void} && $r->{subs}{resumed} < $n;

            return $r;
        };
    };

    my @order = ('chat', 'chat, TLS');
    my $results = $bench->alternate(
        ['chat' => $run->($t{chat}, $most)],
        ['chat, TLS' => $run->($t{'chat, TLS'}, $most / 4)]);

    $bench->variants($results, \@order, ['clients', 'subs.resumed'],
        ['p50 s', sub { $_[0]{subs}{resume_us}{p50} / 1e6 }],
        ['p99 s', sub { $_[0]{subs}{resume_us}{p99} / 1e6 }],
        ['last s', sub { $_[0]{subs}{resume_us}{max} / 1e6 }],
        ['reads each', 'reads'],
        ['due to delivered p50 ms', sub { $_[0]{deliver}{latency_us}{p50}
                                          / 1000 }],
        Bench::Setup::cpu_columns());

    $bench->figure('the last of 10,000 is back, s',
        $bench->median($results->{chat},
                       sub { $_[0]{subs}{resume_us}{max} / 1e6 }), '<= 5');
    $bench->figure('reads a conversation',
        $bench->median($results->{chat}, 'reads'), '<= 1');

    my @sizes = map { $most * $_ } 0.1, 0.3;
    my $some = $bench->alternate($bench->size(1, 3), map {
        [$_ => $run->($t{chat}, $_)] } @sizes);

    $some->{$most} = $results->{chat};
    $bench->growth('time until the last is back over clients',
        [map { [$_, $bench->median($some->{$_},
                    sub { $_[0]{subs}{resume_us}{max} / 1e6 })] }
         @sizes, $most], '1');

    $setup->stop;
};
