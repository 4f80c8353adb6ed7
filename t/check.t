# nginx -t validates and connects to nothing.

use strict;
use warnings;

use IO::Socket::INET ();
use Test::More tests => 4;
use Time::HiRes qw(time);
use ChatTest;
use ChatTest::Nginx;

my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5,
                                   Blocking => 0)
    or die "listen: $!\n";
my $nginx = ChatTest::Nginx->new(postgres => 'host=127.0.0.1 port='
                                 . $server->sockport
                                 . ' dbname=chat user=chat');

my $began = time;
my ($code, $output) = $nginx->check;

is($code, 0, 'a configuration is good without a database') or diag $output;
like($output, qr/test is successful/, 'and nginx says so');
cmp_ok(time - $began, '<', 20, 'at once');
is($server->accept, undef, 'it has not tried to connect');
