# R4, R8.  What is sent on one worker reaches a poll on another, through
# PostgreSQL.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use ChatTest;
use ChatTest::Nginx;

my $nginx = ChatTest::Nginx->new(workers => 2)->start;
my $conversation = conversation('alice', 'hello');

message($conversation, 'agent dana', 'hi Alice');


sub stream {
    my ($client, %query) = @_;

    return $client->start('GET', '/support/v1/stream?'
        . join '&', map { "$_=$query{$_}" } sort keys %query);
}


my ($one, $two) = $nginx->worker_pids;

my $agent = $nginx->on($one, agent => 'dana');
my $visitor = $nginx->on($two, visitor => 'alice');
my $path = "/support/v1/conversations/$conversation";

my $next = $agent->get("$path/events")->json->{next};
my $poll = stream($agent, conversation => $conversation, since => $next,
                  wait => 25);

ok(!$poll->poll, 'a poll at the head waits');

my $sent = $visitor->post("$path/messages",
                          {client_msg_id => 'w-1', text => 'anybody?'});
my $began = time;

is($sent->status, 201, 'the visitor sends on another worker');
is($sent->header('X-Worker'), $two, 'which it is');

my $answer = $poll->wait;

is($answer->header('X-Worker'), $one, 'the poll was held by the first');
is(contains($answer->json, {events => [{seq => 3, text => 'anybody?'}],
                            complete => JSON::PP::true}), undef,
   'and has the message');
cmp_ok(time - $began, '<', 15, 'before it ends by itself');


# the other way round

$next = $answer->json->{next};
$poll = stream($visitor, conversation => $conversation, since => $next,
               wait => 25);
ok(!$poll->poll, 'the visitor waits on the second worker');

is($agent->post("$path/messages", {client_msg_id => 'w-2', text => 'a note',
                                   visibility => 'internal'})->status, 201,
   'a note is written on the first');
is($agent->post("$path/messages",
                {client_msg_id => 'w-3', text => 'yes'})->status, 201,
   'and an answer');

$answer = $poll->wait;
is(contains($answer->json, {events => [{seq => 5, text => 'yes'}]}), undef,
   'the visitor gets the answer and not the note');


# a change of status, and a read mark

$next = $answer->json->{next};
$poll = stream($visitor, conversation => $conversation, since => $next,
               wait => 25);
$agent->patch($path, {status => 'resolved'});
is(contains($poll->wait->json,
            {events => [{type => 'status', status => 'resolved'}]}), undef,
   'a change of status crosses too');

$next = $visitor->get("$path/events")->json->{next};
my $state = $visitor->get("/support/v1/stream?conversation=$conversation"
                       . "&since=$next&state=0&wait=0")->json->{state}{version};
$poll = stream($visitor, conversation => $conversation, since => $next,
               state => $state, wait => 25);
ok(!$poll->poll, 'a poll with the state at its version waits');
$agent->post("$path/read", {seq => 5});
$answer = $poll->wait->json;
is(contains($answer, {events => [],
                      state => {read => {'agent:' . agent('dana') => 5}}}),
   undef, 'a read mark ends it');


# an inbox

my $inbox = $agent->get('/support/v1/stream?inbox=&status=open&wait=0')
                  ->json->{inbox}{next};
$poll = stream($agent, inbox => $inbox, status => 'open', wait => 25);
ok(!$poll->poll, 'an inbox without news waits');

my $created = $visitor->post('/support/v1/conversations',
                             {client_msg_id => 'n-1', text => 'new'})->json;
$began = time;
$answer = $poll->wait->json;
is(contains($answer, {inbox => {conversations => [
       {id => $created->{id}, in => JSON::PP::true,
        last => {text => 'new'}}]}}), undef,
   'a conversation that starts on another worker is news');
cmp_ok(time - $began, '<', 15, 'soon');

$poll = stream($agent, inbox => $answer->{inbox}{next}, status => 'open',
               wait => 25);
$visitor->patch("/support/v1/conversations/$created->{id}",
                {status => 'resolved'});
is(contains($poll->wait->json, {inbox => {conversations => [
       {id => $created->{id}, in => JSON::PP::false}]}}), undef,
   'and so is that it leaves the filter');


# many polls of one conversation over both workers

my @polls = map {
    my $client = $nginx->client(visitor => 'alice');
    my $at = $client->get("$path/events")->json->{next};
    stream($client, conversation => $conversation, since => $at, wait => 25);
} 1 .. 20;

wait_until { !grep { $_->poll } @polls };
$agent->post("$path/messages", {client_msg_id => 'w-9', text => 'to all'});

my %workers;
my $received = grep {
    my $response = $_->wait;
    $workers{$response->header('X-Worker')}++;
    !defined contains($response->json, {events => [{text => 'to all'}]});
} @polls;

is($received, 20, 'twenty polls are answered by one message');
is(scalar keys %workers, 2, 'on both workers');


# a killed worker costs its clients a connection, and the others nothing

$next = $visitor->get("$path/events")->json->{next};
$poll = stream($visitor, conversation => $conversation, since => $next,
               wait => 25);
my $lost = stream($agent, conversation => $conversation, since => $next,
                  wait => 25);
ok(!$poll->poll && !$lost->poll, 'one waits on each worker');

kill 'KILL', $one;
is($lost->wait, undef, 'a killed worker closes its connections');

$agent->close;
is($agent->post("$path/messages",
                {client_msg_id => 'w-10', text => 'still here'})->status, 201,
   'its client connects again');
$began = time;
is(contains($poll->wait->json, {events => [{text => 'still here'}]}),
   undef, 'the poll on the other worker has the message');
cmp_ok(time - $began, '<', 15, 'before it ends by itself');

$nginx->stop;
is(join('', $nginx->alarms("process $one exited on signal 9")), '',
   'nothing else alarming in the log');

done_testing();
