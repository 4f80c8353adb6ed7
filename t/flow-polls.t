# Many polls of one conversation that come and go while others wait: each is
# answered by the next message.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Nginx;

my $nginx = ChatTest::Nginx->new(workers => 2)->start;
my $conversation = conversation('alice', 'hello');
my $path = "/support/v1/conversations/$conversation";

message($conversation, 'agent dana', 'hi Alice');

my $agent = $nginx->on(($nginx->worker_pids)[0], agent => 'dana');
my $answered = 0;

for my $i (1 .. 30) {
    my @polls = map {
        my $client = $nginx->client(visitor => 'alice');
        my $next = $client->get("$path/events")->json->{next};

        $client->start('GET', "/support/v1/stream?conversation=$conversation"
                       . "&since=$next&wait=25");
    } 1 .. 12;

    $agent->post("$path/messages", {client_msg_id => "p-$i",
                                    text => "to all $i"});

    $answered += grep {
        my $answer = eval { $_->wait };
        $answer && !defined contains($answer->json,
                                     {events => [{text => "to all $i"}]});
    } @polls;

    last if $answered != $i * 12;
}

is($answered, 360, 'every poll has its message');

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
