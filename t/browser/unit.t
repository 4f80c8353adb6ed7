# The pure parts of the pages: reducers, outbox, long poll, catalogues.

use strict;
use warnings;

use File::Basename qw(dirname);
use Test::More;
use ChatTest::Node;

my $dir = dirname(__FILE__);
my @files = sort glob "$dir/unit/*.test.js";

s{^\Q$dir\E/}{} for @files;
ChatTest::Node->run($dir, @files);
done_testing();
