# The simulation of docs/scaling.md: that it simulates, and that it agrees with
# what was measured.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;
use ChatTest;
use ChatTest::Node;

ChatTest::Node->run(dirname(abs_path($0)) . '/scale', 'scale.test.mjs');

done_testing();
