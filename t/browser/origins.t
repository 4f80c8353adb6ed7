# Pages of other origins that an administrator names in the console.

use strict;
use warnings;

use File::Basename qw(dirname);
use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Node;

my $dir = dirname(__FILE__);
my $far = ChatTest::Nginx::free_port();

my $nginx = ChatTest::Nginx->new(workers => 1, http => <<"_HTTP_");
        server {
            listen 127.0.0.1:$far;
        }
_HTTP_

$nginx->start;
agent('dana', name => 'Dana');
agent('ada', name => 'Ada', role => 'admin');

$ENV{CHAT_BASE_URL} = 'http://127.0.0.1:' . $nginx->port . '/';
$ENV{CHAT_FAR_URL} = "http://127.0.0.1:$far/";
$ENV{CHAT_SITE} = site();
$ENV{CHAT_AGENT_TOKEN} = agent_token('dana');
$ENV{CHAT_AGENTS} = json_encode({ada => agent_token('ada')});

ChatTest::Node->run($dir, 'origins.test.js');

$nginx->stop;
is_deeply([$nginx->alarms], [], 'nginx had no trouble');
done_testing();
