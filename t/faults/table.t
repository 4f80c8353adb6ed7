# The faults that "make faults" names, or all of them.
#
# FAULT   ids, separated by blanks
# LONG    each as often as the table says, not just once or twice; without
#         FAULT half an hour of mixed faults
# SOAK    two hours of clients that come and go

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Faults;

my @ids = split ' ', $ENV{FAULT} // '';

@ids = $ENV{SOAK} ? 'L3'
     : $ENV{LONG} ? qw(L1 L2)
     : map { $_->{id} } ChatTest::Faults->table if !@ids;

ChatTest::Faults->run($_, long => $ENV{LONG}, warm => 1) for @ids;

my $path = build_dir('faults') . '/report.md';

open my $out, '>', $path or die "$path: $!\n";
print $out ChatTest::Faults->report;
close $out;

diag("$path:\n" . ChatTest::Faults->report);
done_testing();
