# Somebody is there when an agent has a stream, in whatever worker.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::WebSocket;

my $nginx = ChatTest::Nginx->new(workers => 2)->start;

sub availability {
    my $answer = $nginx->client->post('/support/v1/session',
                                                {mode => 'bearer'});

    return $answer->json->{availability};
}

is(availability(), 'away', 'nobody has come yet');

my $ws = ChatTest::WebSocket->new(port => $nginx->port, agent => 'dana');

ok((wait_until { availability() eq 'online' } 30), 'an agent is there');
is(psql('SELECT count(*) FROM chat.agent_seen WHERE site = ' . site_id()),
   1, 'who has been seen');

$ws->close;
$nginx->stop;
is_deeply([$nginx->alarms], [], 'nginx had no trouble');
done_testing();
