# The console: what is known of a customer, and what agents change of it.

use strict;
use warnings;

use File::Basename qw(dirname);
use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Node;

my $dir = dirname(__FILE__);
my $nginx = ChatTest::Nginx->new(workers => 2);

$nginx->start;
agent('dana', name => 'Dana');
agent('ada', name => 'Ada', role => 'admin');

# whom the site has identified

my $vera = conversation('vera', 'It is me');

psql("UPDATE chat.visitor SET name = 'Vera', email = 'vera\@shop.test', "
     . "verified = true, external_id = 'u-7', claimed = '{plan,Name}', "
     . q(attributes = '{"plan": "gold", "Name": "VIP", "size": "M"}' )
     . "WHERE id = '" . visitor('vera') . "'");

$ENV{CHAT_BASE_URL} = 'http://127.0.0.1:' . $nginx->port . '/';
$ENV{CHAT_SITE} = site();
$ENV{CHAT_VERIFIED} = $vera;
$ENV{CHAT_AGENTS} = json_encode({map { $_ => agent_token($_) }
                                     qw(dana ada)});

ChatTest::Node->run($dir, 'console-person.test.js');

$nginx->stop;
is_deeply([$nginx->alarms], [], 'nginx had no trouble');
done_testing();
