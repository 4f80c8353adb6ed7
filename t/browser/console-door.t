# Signing in to the console: a second factor, and agents whom nginx knows.

use strict;
use warnings;

use File::Basename qw(dirname);
use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Node;

# demo-agent-password
my $password = '$scrypt$ln=15,r=8,p=3$0x1Bz90xOYW9RLWsrfUmgA'
               . '$8VbJmnYB1G0JzpNlOH8LON/OJQ2lrgGlwfr+RNHBA2A';

my $dir = dirname(__FILE__);
my $site = site();

my $nginx = ChatTest::Nginx->new(workers => 2, server => <<"_SERVER_");
        location /known/ {
            chat on;
            chat_site $site;
            chat_agent_identity \$http_x_user;
        }
_SERVER_

$nginx->start;
agent('dana', email => 'dana@a.test', name => 'Dana', password => $password);
agent('sam', email => 'sam@a.test', name => 'Sam');
agent('ada', name => 'Ada', role => 'admin');

$ENV{CHAT_BASE_URL} = 'http://127.0.0.1:' . $nginx->port . '/';
$ENV{CHAT_SITE} = $site;
$ENV{CHAT_AGENT_EMAIL} = 'dana@a.test';
$ENV{CHAT_AGENT_PASSWORD} = 'demo-agent-password';
$ENV{CHAT_AGENTS} = json_encode({map { $_ => agent_token($_) }
                                     qw(dana sam ada)});

ChatTest::Node->run($dir, 'console-door.test.js');

$nginx->stop;
is_deeply([$nginx->alarms], [], 'nginx had no trouble');
done_testing();
