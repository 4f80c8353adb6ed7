# Live delivery to the pages, by each transport and through reloads.

use strict;
use warnings;

use Cwd qw(realpath);
use File::Basename qw(dirname);
use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Node;

# demo-agent-password
my $password = '$scrypt$ln=15,r=8,p=3$0x1Bz90xOYW9RLWsrfUmgA'
               . '$8VbJmnYB1G0JzpNlOH8LON/OJQ2lrgGlwfr+RNHBA2A';

my $dir = dirname(__FILE__);
my $www = realpath("$dir/../../examples/demo/www");

# /plain/ is behind something that knows no WebSocket

my $nginx = ChatTest::Nginx->new(
    workers => 2,
    http => 'types { text/html html; text/css css; image/svg+xml svg; } '
            . 'chat_drain 2s;',
    server => <<"_SERVER_",
        location / {
            root $www;
            index index.html;
        }

        location /plain/ {
            chat on;

            if (\$http_upgrade) {
                return 403;
            }
        }
_SERVER_
);

$nginx->start;
agent('dana', email => 'dana@a.test', name => 'Dana', password => $password);

my $root = $nginx->root;

$ENV{CHAT_BASE_URL} = 'http://127.0.0.1:' . $nginx->port . '/';
$ENV{CHAT_AGENT_EMAIL} = 'dana@a.test';
$ENV{CHAT_AGENT_PASSWORD} = 'demo-agent-password';
$ENV{CHAT_NGINX_PID} = "$root/logs/nginx.pid";
$ENV{CHAT_NGINX_COMMAND} = join ' ', $ENV{TEST_NGINX_BINARY} || 'nginx',
    '-p', "$root/", '-e', "$root/logs/error.log", '-c',
    "$root/conf/nginx.conf";

ChatTest::Node->run($dir, 'live.test.js');

$nginx->stop;
is_deeply([$nginx->alarms], [], 'nginx had no trouble');
done_testing();
