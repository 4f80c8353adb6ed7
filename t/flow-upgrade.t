# R7.  A binary upgrade with open streams, and the way back:
# t/stream/upgrade.test.mjs.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Stream;

my $stream = ChatTest::Stream->new;
my $nginx = $stream->nginx;

$stream->run('h1', file => 'upgrade.test.mjs', h1 => $nginx->port,
             root => $nginx->root);

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
