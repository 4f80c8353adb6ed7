# R1 to R8.  The short form of the fault harness: the checker, and a load that
# it finds nothing in while workers, Redis and PostgreSQL are killed, nginx is
# reloaded, and on two hosts.  "make faults" runs the others.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;
use ChatTest;
use ChatTest::Faults;
use ChatTest::Node;

ChatTest::Node->run(dirname(abs_path($0)) . '/faults', 'check.test.mjs');

for my $fault (qw(F1 F2 F4 F7 F10 H1)) {
    ChatTest::Faults->run($fault, warm => 0);
}

note(ChatTest::Faults->report);
done_testing();
