# R1 to R8.  The short form of the fault harness: the checker, the tables of
# docs/reliability.md, and a load that the checker finds nothing in while
# workers, Redis and PostgreSQL are killed, nginx is reloaded, and on two hosts.
# "make faults" runs the others.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;
use ChatTest;
use ChatTest::Faults;
use ChatTest::Faults::Table;
use ChatTest::Node;

ChatTest::Node->run(dirname(abs_path($0)) . '/faults', 'check.test.mjs');

my @twice = (
    {id => 'F1', name => 'none', times => 2, acknowledged => 700, lost => 0,
     duplicated => 0, reordered => 0, ack => {max => 20}, load => 1.2,
     verdict => 'holds'},
    {id => 'F1', name => 'none', times => 1, acknowledged => 800, lost => 1,
     duplicated => 0, reordered => 0, ack => {max => 1234}, load => 0.3,
     verdict => 'wrong'},
    {id => 'L1 F1', name => 'none', times => 3, stall => {max => 5},
     verdict => ''},
);

is(ChatTest::Faults::Table::tables(@twice), <<'_TABLE_', 'a table of runs');
| fault | repetitions | acknowledged | lost | duplicated | reordered | worst ack | worst delivery | worst 503 | worst stall | load | verdict |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| F1 none | 3 | 1,500 | 1 | 0 | 0 | 1.23 s | – | – | – | 1 | wrong |

| within | repetitions | worst ack | worst delivery | worst 503 | worst stall |
| --- | --- | --- | --- | --- | --- |
| L1 F1 none | 3 | – | – | – | 0.01 s |
_TABLE_

{
    my $top = dirname(abs_path($0)) . '/..';
    my $table = `$top/t/faults/report`;

    open my $in, '<', "$top/docs/reliability.md" or die "docs: $!\n";
    my $text = do { local $/; <$in> };

    ok(length $table && index($text, $_) >= 0,
       'the documentation has what was measured') for split /\n\n/, $table;
}

for my $fault (qw(F1 F2 F4 F7 F10 H1)) {
    ChatTest::Faults->run($fault, warm => 0);
}

note(ChatTest::Faults->report);
done_testing();
