# The console: a visitor and two agents, against two workers.

use strict;
use warnings;

use Cwd qw(realpath);
use File::Basename qw(dirname);
use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Node;

my $dir = dirname(__FILE__);
my $uploads = build_dir('console-files');

system('rm', '-rf', $uploads);

my $nginx = ChatTest::Nginx->new(
    workers => 2,
    http => "chat_upload_path $uploads; chat_max_upload 1m;",
);

$nginx->start;
agent('dana', name => 'Dana');
agent('sam', name => 'Sam', role => 'supervisor');
agent('ada', name => 'Ada', role => 'admin');

# A long list, all of one visitor.

my @row = (ChatTest::actor('visitor long'), 'gen_random_uuid()',
           'gen_random_uuid()', "'long-' || n", "'Row ' || n",
           quote(epoch()));

psql('SELECT count(*) FROM generate_series(1, 1200) n, LATERAL '
     . 'chat.conversation_create_1(' . join(', ', @row) . ')');
psql("UPDATE chat.conversation SET status = 'resolved' WHERE visitor = "
     . quote(visitor('long')));

$ENV{CHAT_BASE_URL} = 'http://127.0.0.1:' . $nginx->port . '/';
$ENV{CHAT_SITE} = site();
$ENV{CHAT_AGENTS} = json_encode({map { $_ => agent_token($_) }
                                     qw(dana sam ada)});

ChatTest::Node->run($dir, 'console.test.js', 'console-looks.test.js');

$nginx->stop;
is_deeply([$nginx->alarms], [], 'nginx had no trouble');
done_testing();
