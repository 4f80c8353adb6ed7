# What the visitor sees of a PostgreSQL or a Redis that is away or hangs.

use strict;
use warnings;

use Cwd qw(realpath);
use File::Basename qw(dirname);
use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Node;
use ChatTest::Postgres;
use ChatTest::Redis;

my $dir = dirname(__FILE__);
my $www = realpath("$dir/../../examples/demo/www");
my $postgres = ChatTest::Postgres->new('own', 'fsync=off');
my $redis = ChatTest::Redis->new('redis');

$ENV{TEST_NGINX_POSTGRES} = $postgres->start;

my $address = $redis->start;
my $nginx = ChatTest::Nginx->new(
    workers => 2,
    http => "types { text/html html; text/css css; image/svg+xml svg; }\n"
            . "chat_redis $address;",
    server => <<"_SERVER_",
        location / {
            root $www;
            index index.html;
        }
_SERVER_
);

$nginx->start;
agent('dana', email => 'dana@a.test', name => 'Dana');

$ENV{CHAT_BASE_URL} = 'http://127.0.0.1:' . $nginx->port . '/';
$ENV{CHAT_AGENT_TOKEN} = agent_token('dana');
$ENV{CHAT_POSTGRES} = join ' ', realpath("$dir/../lib/cluster"),
                                $postgres->{dir};
$ENV{CHAT_REDIS} = join ' ', realpath("$dir/../lib/redis"), $redis->{dir};

ChatTest::Node->run($dir, 'away.test.js');

$nginx->stop;
is_deeply([$nginx->alarms], [], 'nginx had no trouble');
done_testing();
