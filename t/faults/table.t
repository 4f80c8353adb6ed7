# The faults that "make faults" names, or all of them.
#
# FAULT   ids, separated by blanks
# LONG    each as often as the table says, not just once or twice

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Faults;

my @ids = split ' ', $ENV{FAULT} // '';

@ids = map { $_->{id} } ChatTest::Faults->table if !@ids;

ChatTest::Faults->run($_, long => $ENV{LONG}, warm => 1) for @ids;

my $path = build_dir('faults') . '/report.md';

open my $out, '>', $path or die "$path: $!\n";
print $out ChatTest::Faults->report;
close $out;

diag("$path:\n" . ChatTest::Faults->report);
done_testing();
