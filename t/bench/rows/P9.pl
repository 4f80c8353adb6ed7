# Growth of what is stored.

use strict;
use warnings;

use Bench::Load ();
use Bench::Setup ();
use Bench::Store ();

my $ms = sub { my $q = shift; sub { $_[0]{pub}{ack_us}{$q} / 1000 } };
my @whats = ('history page', 'inbox list', 'search',
             'search of a frequent word');

# it takes hours until search knows more than that
my $searched = 1_000_000;

my $asked = sub {
    my ($what, @sizes) = @_;

    return grep { $what !~ /search/ || $_ <= $searched } @sizes;
};

return {
    order => 10,
    title => 'history page, inbox list and search over stores of three '
             . 'sizes',
    goal => 'p99 within 1.3; search of 1 million <= 200 ms',
    cost => {start => 25, runs => 9, once => 9, each => 0.9},

    measure => sub {
        my ($bench) = @_;

        my @sizes = grep { $_ <= $bench->{seed} } 1000, 100_000, 1_000_000,
                                                  10_000_000;
        @sizes = (1000, @sizes[-2, -1]) if @sizes > 3;

        # the store is started anew for seeding: before the servers
        my $setup = Bench::Setup->new($bench);
        my %t;

        for my $messages (@sizes) {
            my $name = $setup->store->seeded($messages,
                                             $messages <= $searched);
            my $all = $messages / 20;
            my $step = $all > 1000 ? $all / 1000 : 1;

            $t{$messages} = {kind => 'chat', postgres => 1, name => $name,
                conninfo => $setup->store->conninfo($name),
                vars => $setup->store->vars($name,
                    map { int $_ * $step } 0 .. $all / $step - 1)};
        }

        for my $t (map { $t{$_} } @sizes) {
            $t->{server} = $setup->add(Bench::Server->nginx($bench,
                $t->{name}, kind => 'chat', conninfo => $t->{conninfo}));
        }

        my $agent = 'Authorization: Bearer ' . Bench::Store::agent_token();
        my %call = (
            'history page' => ['/v1/conversations/{2}/events?limit=20',
                               'Authorization: Bearer {1}', 1000],
            'inbox list' => ['/v1/conversations?status=open&limit=50',
                             $agent, 200],
            'search' => ['/v1/conversations?q=nothing%20like%20this&limit=20',
                         $agent, 5],
            'search of a frequent word' =>
                ['/v1/conversations?q=talk%20order&limit=20', $agent, 5],
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

        # the pages of the store are to be in memory, as they soon are

        for my $what (@whats) {
            for my $messages ($asked->($what, @sizes)) {
                $bench->progress("P9 warms up: $what, $messages");
                $run->($what, $t{$messages})->();
            }
        }

        $bench->alternate('reads', map {
            my $what = $_;
            map { ["$what, $_" => $run->($what, $t{$_})] }
                $asked->($what, @sizes);
        } @whats);

        $setup->stop;
    },

    tell => sub {
        my ($tell) = @_;

        my %sizes = map { /(\d+)\z/ ? ($1 => 1) : () } $tell->order('reads');
        my @sizes = sort { $a <=> $b } keys %sizes;

        return unless @sizes;

        $tell->table('answers over messages stored', 'reads', undef,
            ['answers/s', 'pub.per_s'], ['p50 ms', $ms->('p50')],
            ['p99 ms', $ms->('p99')], Bench::Setup::cpu_columns());

        for my $what ('history page', 'inbox list') {
            for my $q ('p99', 'p50') {
                $tell->goal("$what, $q of "
                    . Bench::Stat::short($sizes[-1]) . ' messages',
                    unit => 'ms',
                    ours => ['reads', "$what, $sizes[-1]", $ms->($q)],
                    peer => ['reads', "$what, $sizes[0]", $ms->($q)],
                    name => 'of ' . Bench::Stat::short($sizes[0]),
                    want => $q eq 'p99' ? '<= 1.3' : undef);
            }
        }

        my ($million) = grep { $_ == 1_000_000 } @sizes;

        $million //= $sizes[-1];
        for my $what (grep { /search/ } @whats) {
            $tell->goal($what . ' in ' . Bench::Stat::short($million)
                . ' messages, p99', unit => 'ms', want => '<= 200',
                ours => ['reads', "$what, $million", $ms->('p99')]);
        }

        $tell->growth("p50 of $_, ms, over messages", 'flat: 0', do {
            my $what = $_;
            map { [$_, 'reads', "$what, $_", $ms->('p50')] }
                $asked->($what, @sizes);
        }) for @whats;
    },
};
