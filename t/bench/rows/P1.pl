# Memory of idle connections.

use strict;
use warnings;

use Bench::Load ();
use Bench::Setup ();

sub {
    my ($bench) = @_;

    $bench->row('P1', 'idle WebSockets, each in a conversation of its own: '
        . 'memory of all nginx processes',
        '<= 1.2 KB plain, <= 16 KB TLS, a tenth of nchan');

    my $most = $bench->size(2000, 20000);
    my $tls = $bench->size(500, 4000);
    my $setup = Bench::Setup->new($bench, conversations => $most);

    # a server that has served nobody yet, each time

    my $idle = sub {
        my ($make, $n, %opt) = @_;

        return sub {
            my $t = $make->();
            my $tls = {%$t, tls => $opt{tls}};
            my $r = $setup->load($t)->run(
                groups => [Bench::Load::subscribers($tls, $n, mode =>
                    $t->{kind} eq 'bare' ? 'idle' : 'ws')],
                channels => $n, vars => $t->{vars}, procs => 2,
                settle => 0.5, 'connect-rate' => $opt{tls} ? 2000 : 10000);

            $r->{bytes} = $r->{watch}{server}{pss_per_sub};
            $t->{server}->stop;

            return $r;
        };
    };

    my $chat = sub { $setup->chat('redis') };
    my @order = ('chat', 'nchan', 'node', 'bare, keep-alive');
    my %make = ('chat' => $chat, 'nchan' => sub { $setup->nchan },
                'node' => sub { $setup->node },
                'bare, keep-alive' => sub { $setup->bare });

    my $results = $bench->alternate(
        (map { [$_ => $idle->($make{$_}, $most)] } @order),
        ['chat, TLS' => $idle->($chat, $tls, tls => 1)],
        ['bare, TLS' => $idle->($make{'bare, keep-alive'}, $tls, tls => 1)]);

    my @columns = (
        ['B a connection', 'bytes'],
        ['MB before', sub { $_[0]{watch}{server}{pss_before_kb} / 1024 }],
        ['MB after', sub { $_[0]{watch}{server}{pss_held_kb} / 1024 }],
        ['connections', 'subs.open'], ['seconds', 'subs.connect_s'],
        ['kernel B', sub { $_[0]{subs}{slab_kb} * 1024
                           / $_[0]{subs}{open} }],
    );

    $bench->variants($results, [@order, 'chat, TLS', 'bare, TLS'], @columns);

    my %bytes = map { $_ => $bench->median($results->{$_}, 'bytes') }
                keys %$results;

    $bench->figure('bytes, plain', $bytes{chat}, '<= 1229');
    $bench->figure('bytes, TLS', $bytes{'chat, TLS'}, '<= 16384');
    $bench->figure('nchan / chat', Bench::ratio(@bytes{'nchan', 'chat'}),
                   '>= 10');
    $bench->figure('node / chat', Bench::ratio(@bytes{'node', 'chat'}));

    # growth, which is also the plot

    my @sizes = map { $most * $_ } 0.05, 0.25, 1;
    my %lines;

    for my $name ('chat', 'nchan', 'node') {
        my $some = $bench->alternate($bench->size(1, 1), map {
            [$_ => $idle->($make{$name}, $_)] } @sizes[0, 1]);

        $some->{$most} = $results->{$name};
        $lines{$name} = [map { [$_, ($bench->median($some->{$_},
            'watch.server.pss_held_kb') // 0) / 1024] } @sizes];
    }

    $bench->growth('memory over connections, chat', [map { [$_->[0],
        $_->[1] - $bench->median($results->{chat},
                                 'watch.server.pss_before_kb') / 1024] }
        @{$lines{chat}}], '1');

    $bench->plot('memory', title => 'Memory of all processes of the server',
        x => 'idle WebSockets', y => 'MB', lines => \%lines);

    $setup->stop;
};
