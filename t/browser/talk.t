# A visitor and an agent in two browsers, against two workers.

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

my $nginx = ChatTest::Nginx->new(
    workers => 2,
    http => 'types { text/html html; text/css css; image/svg+xml svg; }',
    server => <<"_SERVER_",
        location / {
            root $www;
            index index.html;
            add_header Content-Security-Policy "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'" always;
        }
_SERVER_
);

$nginx->start;
agent('dana', email => 'dana@a.test', name => 'Dana', password => $password);

$ENV{CHAT_BASE_URL} = 'http://127.0.0.1:' . $nginx->port . '/';
$ENV{CHAT_AGENT_EMAIL} = 'dana@a.test';
$ENV{CHAT_AGENT_PASSWORD} = 'demo-agent-password';

ChatTest::Node->run($dir, 'talk.test.js');

$nginx->stop;
is_deeply([$nginx->alarms], [], 'nginx had no trouble');
done_testing();
