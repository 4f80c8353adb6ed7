# The state in the answers of long polls: always there, and of its own accord
# at most once a second.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use ChatTest;
use ChatTest::Nginx;

my $nginx = ChatTest::Nginx->new(workers => 1)->start;
my $talk = conversation('alice', 'hello');
my $path = "/support/v1/conversations/$talk";
my $alice = $nginx->client(visitor => 'alice');
my $dana = $nginx->client(agent => 'dana', keepalive => 1);
my $next = cursor(1);

sub poll {
    my (%query) = @_;

    return $alice->start('GET', '/support/v1/stream?' . join '&',
        "conversation=$talk", "since=$next",
        map { "$_=$query{$_}" } sort keys %query);
}


# A head that is known, and one that is not.

for (1 .. 3) {
    my $answer = poll(wait => 0)->wait->json;

    is(contains($answer, {events => [], state => {version => '*',
                                                  read => {}}}),
       undef, "an empty answer has the state, $_");
}

my $state = poll(wait => 0)->wait->json->{state}{version};
my $answer = poll(wait => 0, state => $state)->wait->json;

is($answer->{state}{version}, $state, 'also the one that is known');

my $poll = poll(wait => 30, state => $state);

$dana->post("$path/messages", {client_msg_id => 's-1', text => 'two'});
$answer = $poll->wait(30)->json;
is(contains($answer, {events => [{text => 'two'}],
                      state => {version => '*'}}), undef,
   'and so does an answer with an event');
$next = $answer->{next};


# Somebody types without end.

$state = poll(wait => 0)->wait->json->{state}{version};

my (@took, $on);
my $until = time + 4;

$poll = poll(wait => 30, state => $state);

my $began = time;

while (time < $until) {
    $on = !$on;
    $dana->post("$path/typing", {on => $on ? JSON::PP::true
                                           : JSON::PP::false});
    next if !$poll->poll;

    $answer = $poll->wait->json;
    push @took, time - $began;
    $state = $answer->{state}{version};
    $poll = poll(wait => 30, state => $state);
    $began = time;
}

cmp_ok(scalar @took, '>=', 1, 'polls are told of the state');
is(scalar(grep { $_ < 0.9 } @took), 0, 'at most once a second')
    or diag("@took");

# A poll that is older is told soon, and one with an event at once.

$poll->abort;
$dana->post("$path/typing", {on => JSON::PP::false});
$state = poll(wait => 0)->wait->json->{state}{version};
$poll = poll(wait => 30, state => $state);
$dana->post("$path/read", {seq => 2});
is(contains($poll->wait(30)->json,
            {events => [], state => {read => {'agent:' . agent('dana')
                                              => 2}}}), undef,
   'a read mark ends a poll');

$nginx->stop;
is(join('', $nginx->alarms), '', 'no alarms');

done_testing();
