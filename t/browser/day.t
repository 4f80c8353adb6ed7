# A day at the console: a list of 10,000 conversations, and 5,000 events.

use strict;
use warnings;

use File::Basename qw(dirname);
use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Node;

my $dir = dirname(__FILE__);
my $nginx = ChatTest::Nginx->new(workers => 2);

$nginx->start;
agent('dana', name => 'Dana');
agent('ada', name => 'Ada', role => 'admin');

# All are of one visitor.

my @row = (ChatTest::actor('visitor many'), 'gen_random_uuid()',
           'gen_random_uuid()', "'many-' || n", "'Row ' || n",
           quote(epoch()));

psql('SELECT count(*) FROM generate_series(1, 10000) n, LATERAL '
     . 'chat.conversation_create_1(' . join(', ', @row) . ')');
psql("UPDATE chat.conversation SET status = 'resolved' WHERE visitor = "
     . quote(visitor('many')));

$ENV{CHAT_BASE_URL} = 'http://127.0.0.1:' . $nginx->port . '/';
$ENV{CHAT_SITE} = site();
$ENV{CHAT_AGENTS} = json_encode({map { $_ => agent_token($_) }
                                     qw(dana ada)});

ChatTest::Node->run($dir, 'day.test.js');

$nginx->stop;
is_deeply([$nginx->alarms], [], 'nginx had no trouble');
done_testing();
