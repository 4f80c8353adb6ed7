# Growth of what is stored.

use strict;
use warnings;

use Bench::Load ();
use Bench::Setup ();
use Bench::Store ();

sub {
    my ($bench) = @_;

    $bench->row('P9', 'history page and inbox list over stores of three '
        . 'sizes', 'p99 within 1.3; search of 1 million <= 200 ms');

    my @sizes = grep { $_ <= $bench->{seed} } 1000, 100_000, 1_000_000,
                                              10_000_000;
    @sizes = (1000, @sizes[-2, -1]) if @sizes > 3;

    # the store is started anew for seeding: before the servers
    my $setup = Bench::Setup->new($bench);
    my %t;

    for my $messages (@sizes) {
        my $name = $setup->store->seeded($messages);
        my $all = $messages / 20;
        my $step = $all > 1000 ? $all / 1000 : 1;

        $t{$messages} = {kind => 'chat', postgres => 1,
            name => $name, conninfo => $setup->store->conninfo($name),
            vars => $setup->store->vars($name,
                map { int $_ * $step } 0 .. $all / $step - 1)};
    }

    for my $messages (@sizes) {
        my $t = $t{$messages};
        $t->{server} = $setup->add(Bench::Server->nginx($bench, $t->{name},
            kind => 'chat', conninfo => $t->{conninfo}));
    }

    my $agent = 'Authorization: Bearer ' . Bench::Store::agent_token();
    my %call = (
        'history page' => ['/v1/conversations/{2}/events?limit=20',
                           'Authorization: Bearer {1}', 1000],
        'inbox list' => ['/v1/conversations?status=open&limit=50', $agent,
                         200],
        'search' => ['/v1/conversations?q=nothing%20like%20this&limit=20',
                     $agent, 5],
    );

    my $run = sub {
        my ($what, $t) = @_;

        my ($path, $header, $rate) = @{$call{$what}};

        return sub {
            $setup->load($t)->run('pub-method' => 'GET',
                'pub-url' => Bench::Load::url($t, "/support$path"),
                'pub-header' => $header, pubs => 8, channels => 1000,
                vars => $t->{vars}, rate => $rate, warmup => 0.3,
                duration => $bench->seconds);
        };
    };

    for my $what ('history page', 'inbox list', 'search') {

        # the pages of the store are to be in memory, as they soon are
        $run->($what, $t{$_})->() for @sizes;

        my $results = $bench->alternate(
            map { [$_ => $run->($what, $t{$_})] } @sizes);
        my $ms = sub { my $q = shift;
                       sub { $_[0]{pub}{ack_us}{$q} / 1000 } };

        $bench->say("    $what");
        $bench->variants($results, \@sizes, ['answers/s', 'pub.per_s'],
            ['p50 ms', $ms->('p50')], ['p99 ms', $ms->('p99')],
            Bench::Setup::cpu_columns());
        $bench->growth("p50 of $what over messages", [map {
            [$_, $bench->median($results->{$_}, $ms->('p50'))] } @sizes],
            '0');
        $bench->figure("$what, p99 of the largest / the smallest",
            Bench::ratio($bench->median($results->{$sizes[-1]},
                                        $ms->('p99')),
                         $bench->median($results->{$sizes[0]},
                                        $ms->('p99'))), '<= 1.3')
            unless $what eq 'search';
        $bench->figure('search of a million, p99 ms',
            $bench->median($results->{1_000_000} // $results->{$sizes[-1]},
                           $ms->('p99')), '<= 200')
            if $what eq 'search';
    }

    $setup->stop;
};
