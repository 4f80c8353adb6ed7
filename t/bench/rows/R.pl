# One client resumes.

use strict;
use warnings;

use Bench::Client ();
use Bench::Setup ();

my @order = ('ws', 'sse', 'poll');

return {
    order => 12,
    title => 'a client connects and resumes 1,000 missed events: until it has '
             . 'the last one',
    goal => '<= 200 ms by each transport',
    size => {clients => [3, 20]},
    cost => {start => 6, runs => 3, fixed => 1, each => 0.4},

    measure => sub {
        my ($bench, $size) = @_;

        my $setup = Bench::Setup->new($bench, conversations => 1);
        my $store = $setup->store;

        $store->create('resume');
        $store->fill('resume', 10, 1001);

        my ($token, $talk) = split ' ',
            Bench::read_file($store->vars('resume', 0));
        my $server = $setup->add(Bench::Server->nginx($bench, 'resume',
            kind => 'chat', conninfo => $store->conninfo('resume'),
            redis => $setup->redis));
        my $client = sub { Bench::Client->new(port => $server->{port},
                                              token => $token) };

        my ($epoch) = $client->()->get("/support/v1/stream?conversation=$talk"
                                       . '&wait=0') =~ /"next":"([^."]+)\./
            or die "no cursor\n";

        $bench->alternate('transports', map {
            my $how = $_;

            [$how => sub {
                my @ms = sort { $a <=> $b } map {
                    $client->()->resume($how, $talk, "$epoch.1", 1000)
                } 1 .. $size->{clients};

                return {ms => $ms[@ms / 2], max => $ms[-1]};
            }];
        } @order);

        $setup->stop;
    },

    tell => sub {
        my ($tell) = @_;

        $tell->table('until the last event is there', 'transports', undef,
                     ['ms', 'ms'], ['longest ms', 'max']);
        $tell->goal("1,000 events by $_", unit => 'ms', want => '<= 200',
                    ours => ['transports', $_, 'ms'])
            for @order;
    },
};
