# What an agent waits for in the console.

use strict;
use warnings;

use Bench::Load ();
use Bench::Program ();
use Bench::Server ();
use Bench::Setup ();

my $slower = 4;
my $each = 100;

# of newest conversations, which visitors write into
my $talking = 100;

# "demo-agent-password", at the cost that the module gives it
my $password = '$scrypt$ln=15,r=8,p=3$0x1Bz90xOYW9RLWsrfUmgA'
               . '$8VbJmnYB1G0JzpNlOH8LON/OJQ2lrgGlwfr+RNHBA2A';

my %held = (first => 'first page', all => 'whole list');

return {
    order => 16,
    title => 'the console in a page, over 10,000 conversations with 1 million '
             . 'messages',
    goal => 'list <= 1 s after sign-in at a processor four times slower; '
            . 'conversation <= 100 ms, message <= 50 ms (p95); <= 200 rows, '
            . 'no task of scrolling > 50 ms',
    size => {messages => [100_000, 1_000_000]},
    cost => {start => 14, runs => 1, steady => 14, fixed => 1, each => 3},

    measure => sub {
        my ($bench, $size) = @_;

        my $messages = $size->{messages};
        my $all = $messages / $each;
        my $setup = Bench::Setup->new($bench);
        my $store = $setup->store;
        my $name = $store->copy($store->seeded($messages, 0, $each), 'desk');

        $store->sql($name, "UPDATE chat.agent SET password = '$password'");

        # the newest first, of those that are open

        my $vars = $store->vars($name,
            (grep { $_ % 5 } reverse 0 .. $all - 1)[0 .. $talking - 1]);
        my $server = $setup->add(Bench::Server->nginx($bench, $name,
            kind => 'chat', conninfo => $store->conninfo($name),
            redis => $setup->redis));
        my $script = $bench->top . '/t/bench/node/console.js';
        my $prefix = Bench::Load::url({server => $server}, '/support/');
        my $run = sub {
            my ($what, $slower) = @_;

            return sub { Bench::Program::json(join ' ', 'node', $script,
                             $prefix, $what, $slower, $vars, $all) };
        };

        $bench->alternate('sign-in', ['console' => $run->('signin', $slower)]);
        $bench->alternate('desk', $bench->steady, map {
            [$held{$_} => $run->($_, 1)] } 'first', 'all');
        $setup->stop;
    },

    tell => sub {
        my ($tell) = @_;

        $tell->table('sign-in, at a processor four times slower', 'sign-in',
            undef, ['until the list, ms', 'list_ms'],
            ['of it for the password, ms', 'password_ms'],
            ['calls', 'calls']);
        $tell->table('with the first page of the list held, and with all of '
            . 'it', 'desk', undef, map {
                my ($name, $what) = @$_;
                map { ["$what, $_ ms", "${name}_$_"] } 'p50', 'p95', 'max';
            } ['turn', 'conversation'], ['log', 'message'],
              ['list', 'in the list']);
        $tell->table('of a message, from its sending', 'desk', undef, map {
            my ($name, $what) = @$_;
            map { ["$what, $_ ms", "${name}_$_"] } 'p50', 'p95', 'max';
        } ['late', 'message'], ['listed', 'in the list']);
        $tell->table('the whole list', 'desk', [$held{all}],
            ['rows in the page', 'rows'], ['to its end, ms', 'fill_ms'],
            ['longest task of it, ms', 'filling_ms'],
            ['longest task of scrolling, ms', 'scrolling_ms'],
            ['longer than 50 ms', 'scrolling_over']);

        $tell->goal('from sign-in to the list', unit => 'ms',
                    want => '<= 1000',
                    ours => ['sign-in', 'console', 'list_ms']);

        for my $held (@held{'first', 'all'}) {
            $tell->goal("another conversation, $held held, p95",
                unit => 'ms', want => '<= 100',
                ours => ['desk', $held, 'turn_p95']);
            $tell->goal("frame of a message to its line, $held held, p95",
                unit => 'ms', want => '<= 50',
                ours => ['desk', $held, 'log_p95']);
            $tell->goal("the same to the list, $held held, p95",
                unit => 'ms', want => '<= 50',
                ours => ['desk', $held, 'list_p95']);
        }

        $tell->goal('rows in the page', want => '<= 200',
                    ours => ['desk', $held{all}, 'rows']);
        $tell->goal('longest task of scrolling', unit => 'ms',
                    want => '<= 50',
                    ours => ['desk', $held{all}, 'scrolling_ms']);
        $tell->goal('the same while the list comes', unit => 'ms',
                    want => '<= 50',
                    ours => ['desk', $held{all}, 'filling_ms']);
    },
};
