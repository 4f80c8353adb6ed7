# "more" is a promise: another page follows, also when what it announced is
# not for this reader.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use ChatTest;
use ChatTest::Nginx;
use ChatTest::WebSocket;

my $nginx = ChatTest::Nginx->new(workers => 2)->start;
my $talk = conversation('alice', 'hello');

sub ws {
    return ChatTest::WebSocket->new(port => $nginx->port, query => '', @_);
}

# On another worker than the agent, with a page that takes some time to read.

my $agent = ws(agent => 'dana');
my @visitors;
my $visitor = wait_until {
    push @visitors, ws(visitor => 'alice');
    $visitors[-1]->header('X-Worker') != $agent->header('X-Worker')
        && $visitors[-1];
} 30 or die "no two workers\n";

for my $n (1 .. 150) {
    $visitor->send(type => 'send', ref => $n, conversation => $talk,
                   client_msg_id => "v-$n", text => 'x' x 1500);
}

wait_until { $visitor->poll; @{$visitor->{messages}} > 150 } 30;

# The visitor subscribes again and again while notes are written, until pages
# were read while something came: three times.

my ($n, $promised, $kept, $subscribed) = (0, 0, 0, 0);
my $waits = 0;
my $zero = cursor(0);

wait_until {
    $agent->send(type => 'send', ref => ++$n, conversation => $talk,
                  client_msg_id => "n-$n", text => 'a note',
                  visibility => 'internal') for 1 .. 4;

    if (!$waits) {
        $visitor->send(type => 'subscribe', ref => 1, conversation => $talk,
                        since => $zero);
        $waits = 1;
    }

    $agent->poll;
    $visitor->poll;

    for my $message (splice @{$visitor->{messages}}) {
        next if $message->{type} !~ /^(?:subscribed|events)$/;

        $subscribed++ if $message->{type} eq 'subscribed';
        $promised++ if $waits == 1 && $message->{more};
        $kept++ if $waits == 2 && !$message->{more};
        $waits = $message->{more} ? 2 : 0;
    }

    $promised >= 3 && !$waits;
} 30;

cmp_ok($promised, '>=', 3, 'more is announced') or diag "of $subscribed";
is($kept, $promised, 'and comes');

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
