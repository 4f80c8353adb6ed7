# R8.  A worker killed costs its clients one reconnect, and nobody else more
# than a delivery that is a little late: t/stream/kill.test.mjs.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Stream;

my $stream = ChatTest::Stream->new;
my $nginx = $stream->nginx;

$stream->run('h1', file => 'kill.test.mjs', h1 => $nginx->port);

$nginx->stop;
is(join('', $nginx->alarms('exited on signal 9')), '',
   'nothing else alarming in the log');

done_testing();
