# The append as older versions of the module call it, which run beside newer
# ones for as long as an upgrade takes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use ChatTest::Sql;

$ChatTest::Sql::Append = 1;

do "$FindBin::Bin/store-append.t" or die $@ || $!;
