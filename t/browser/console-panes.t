# The console: the order of its lists, the edges of its panes, its weight.

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
agent('sam', name => 'Sam', role => 'supervisor');
agent('ada', name => 'Ada', role => 'admin');

$ENV{CHAT_BASE_URL} = 'http://127.0.0.1:' . $nginx->port . '/';
$ENV{CHAT_SITE} = site();
$ENV{CHAT_AGENTS} = json_encode({map { $_ => agent_token($_) }
                                     qw(dana sam ada)});

ChatTest::Node->run($dir, 'console-panes.test.js');

$nginx->stop;
is_deeply([$nginx->alarms], [], 'nginx had no trouble');
done_testing();
