# Two sites of one nginx: who asks for a conversation of the other one gets
# nothing, and those who have it are not disturbed.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Nginx;

my $other = site() . '-b';
my $nginx = ChatTest::Nginx->new(workers => 2,
    server => "location /other/ { chat on; chat_site $other; }")->start;
my ($one, $two) = $nginx->worker_pids;

my $token = $nginx->client->post('/other/v1/session', {mode => 'bearer'})
                  ->json->{token};
my $eve = $nginx->on($one, visitor => 'eve');
my $bob = $nginx->on($one, token => $token);
my $sender = $nginx->on($two, token => $token);
my $talk = $sender->post('/other/v1/conversations',
                         {client_msg_id => 'first', text => 'hello'})->json;
my $path = "v1/stream?conversation=$talk->{id}";

is($eve->get("/support/$path&wait=0")->status, 404,
   'a visitor of another site comes first, in vain');

my $poll = $bob->start('GET', "/other/$path&since=$talk->{next}&wait=50");

ok(!$poll->poll, 'the visitor waits');
is($eve->get("/support/$path&wait=0")->status, 404, 'the other is back');
ok(!$poll->poll, 'the visitor waits on');

is($sender->post("/other/v1/conversations/$talk->{id}/messages",
                 {client_msg_id => 'second', text => 'shalom'})->status, 201,
   'a message is sent on another worker');

my $answer = $poll->wait(30);

is($answer->status, 200, 'and read from PostgreSQL');
is(contains($answer->json, {events => [{text => 'shalom'}]}), undef,
   'by the one whose it is');

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
