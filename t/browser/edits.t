# Messages that are changed or taken back while the widget shows them.

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
my $uploads = build_dir('edits-files');

system('rm', '-rf', $uploads);

my $nginx = ChatTest::Nginx->new(
    workers => 2,
    http => "types { text/html html; text/css css; image/svg+xml svg; }\n"
            . "chat_upload_path $uploads;",
    server => <<"_SERVER_",
        location / {
            root $www;
            index index.html;
        }
_SERVER_
);

$nginx->start;
agent('dana', email => 'dana@a.test', name => 'Dana');
agent('sam', email => 'sam@a.test', name => 'Sam', role => 'supervisor');

$ENV{CHAT_BASE_URL} = 'http://127.0.0.1:' . $nginx->port . '/';
$ENV{CHAT_AGENT_TOKEN} = agent_token('dana');
$ENV{CHAT_SUPERVISOR_TOKEN} = agent_token('sam');

ChatTest::Node->run($dir, 'edits.test.js');

$nginx->stop;
is_deeply([$nginx->alarms], [], 'nginx had no trouble');
done_testing();
