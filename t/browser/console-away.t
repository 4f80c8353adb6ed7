# What agents see of a PostgreSQL that is away or hangs.

use strict;
use warnings;

use Cwd qw(realpath);
use File::Basename qw(dirname);
use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Node;
use ChatTest::Postgres;

my $dir = dirname(__FILE__);
my $postgres = ChatTest::Postgres->new('own', 'fsync=off');

$ENV{TEST_NGINX_POSTGRES} = $postgres->start;

my $nginx = ChatTest::Nginx->new(workers => 2);

$nginx->start;
agent('dana', name => 'Dana');
agent('sam', name => 'Sam');
agent('ada', name => 'Ada', role => 'admin');

$ENV{CHAT_BASE_URL} = 'http://127.0.0.1:' . $nginx->port . '/';
$ENV{CHAT_SITE} = site();
$ENV{CHAT_AGENTS} = json_encode({map { $_ => agent_token($_) }
                                     qw(dana sam ada)});
$ENV{CHAT_POSTGRES} = join ' ', realpath("$dir/../lib/cluster"),
                                $postgres->{dir};

ChatTest::Node->run($dir, 'console-away.test.js');

$nginx->stop;
is_deeply([$nginx->alarms], [], 'nginx had no trouble');
done_testing();
