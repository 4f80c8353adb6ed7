# Hostile text in every field that a visitor fills, in both pages.

use strict;
use warnings;

use File::Basename qw(dirname);
use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Node;

my $dir = dirname(__FILE__);
my $uploads = build_dir('hostile-files');

system('rm', '-rf', $uploads);

my $nginx = ChatTest::Nginx->new(
    workers => 2,
    http => "chat_upload_path $uploads; chat_max_upload 1m;",
);

$nginx->start;
agent('dana', name => 'Dana');
agent('ada', name => 'Ada', role => 'admin');

$ENV{CHAT_BASE_URL} = 'http://127.0.0.1:' . $nginx->port . '/';
$ENV{CHAT_SITE} = site();
$ENV{CHAT_AGENTS} = json_encode({map { $_ => agent_token($_) }
                                     qw(dana ada)});

ChatTest::Node->run($dir, 'hostile.test.js');

$nginx->stop;
is_deeply([$nginx->alarms], [], 'nginx had no trouble');
done_testing();
