# The widget by itself: embedding, languages, looks, several tabs, what is
# left after a crash.

use strict;
use warnings;

use Cwd qw(realpath);
use File::Basename qw(dirname);
use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Node;

my $dir = dirname(__FILE__);
my $www = realpath("$dir/../../examples/demo/www");

# The page of another origin is served by another port: chat_origin names it.

my $far = ChatTest::Nginx::free_port();

my $nginx = ChatTest::Nginx->new(
    workers => 2,
    http => <<"_HTTP_",
        types { text/html html; text/css css; image/svg+xml svg; }
        server {
            listen 127.0.0.1:$far;
            location / {
                root $www;
                index index.html;
            }
        }
_HTTP_
    location => "chat_origin http://127.0.0.1:$far;",
    server => <<"_SERVER_",
        location / {
            root $www;
            index index.html;
            add_header Content-Security-Policy "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'" always;
        }
_SERVER_
);

$nginx->start;
agent('dana', email => 'dana@a.test', name => 'Dana');

$ENV{CHAT_BASE_URL} = 'http://127.0.0.1:' . $nginx->port . '/';
$ENV{CHAT_FAR_URL} = "http://127.0.0.1:$far/";
$ENV{CHAT_AGENT_TOKEN} = agent_token('dana');

ChatTest::Node->run($dir, 'widget.test.js', 'looks.test.js');

$nginx->stop;
is_deeply([$nginx->alarms], [], 'nginx had no trouble');
done_testing();
