package ChatTest::Node;

# Tests written for node's own runner, as tests of this one.

use strict;
use warnings;

use Test::More;


# run(directory, file...): one test for each of theirs, with what node says
# about a failure as its diagnostics.  CHAT_TEST_NAME in the environment
# chooses some of them by a pattern.

sub run {
    my ($class, $dir, @files) = @_;
    my @only = map { "--test-name-pattern=$_" }
               grep { defined } $ENV{CHAT_TEST_NAME};

    my $pid = open my $in, '-|';

    die "fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        chdir $dir or die "$dir: $!\n";
        open STDERR, '>&', \*STDOUT;
        exec 'node', '--test', '--test-concurrency=1',
            '--test-reporter=tap', @only, @files
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
