package ChatTest::Node;

# Tests written for node's own runner, as tests of this one.

use strict;
use warnings;

use Test::More;


# run(directory, file...): one test for each of theirs, with what node says
# about a failure as its diagnostics.

sub run {
    my ($class, $dir, @files) = @_;

    my $pid = open my $in, '-|';

    die "fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        chdir $dir or die "$dir: $!\n";
        open STDERR, '>&', \*STDOUT;
        exec 'node', '--test', '--test-reporter=tap', @files
            or die "node: $!\n";
    }

    my @lines = <$in>;

    close $in;

    my $status = $?;
    my $count = 0;

    for (@lines) {
        my ($failed, $name) = /^\s*(not )?ok \d+ - (.*)$/ or next;

        # older versions report each file as a test around its own
        next if $name =~ /\.m?js$/;

        ok(!$failed, $name);
        $count++;
    }

    ok($status == 0 && $count > 0, "node ran @files") or diag(@lines);
}


1;
