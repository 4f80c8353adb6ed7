package ChatTest::Faults::Table;

# What runs of the fault harness came to, as tables in Markdown: a line for
# each fault, with all its runs.

use strict;
use warnings;

use JSON::PP ();

my @sums = qw(times acknowledged lost duplicated reordered);
my @worst = qw(ack delivery refusal stall);


# The rows of files with one as JSON in each line.

sub read_rows {
    my (@paths) = @_;

    return map {
        open my $in, '<', $_ or die "$_: $!\n";
        map { JSON::PP::decode_json($_) } <$in>;
    } @paths;
}


# Runs of one fault are one row, in the order in which they come.

sub merge {
    my (@rows) = @_;

    my (%of, @merged);

    for my $row (@rows) {
        my $sum = $of{$row->{id}};

        if (!$sum) {
            $sum = $of{$row->{id}} = {id => $row->{id}, verdict => 'holds'};
            push @merged, $sum;
        }

        $sum->{name} = $row->{name};
        $sum->{$_} = ($sum->{$_} // 0) + $row->{$_}
            for grep { defined $row->{$_} } @sums;
        $sum->{verdict} = $row->{verdict} if $row->{verdict} ne 'holds';

        for my $what (@worst) {
            # none has been
            my $max = $row->{$what}{max} || undef;
            $sum->{$what} = $max
                if defined $max && $max > ($sum->{$what} // -1);
        }

        $sum->{load} = $row->{load}
            if ($row->{load} // 0) > ($sum->{load} // 0);
    }

    return @merged;
}


sub seconds {
    my ($ms) = @_;

    return defined $ms ? sprintf '%.2f s', $ms / 1000 : '–';
}

sub count {
    my ($n) = @_;

    return '–' if !defined $n;
    1 while $n =~ s/^(\d+)(\d{3})/$1,$2/;
    return $n;
}

sub lines {
    my ($head, @rows) = @_;

    return join '', map { '| ' . join(' | ', @$_) . " |\n" }
        $head, [map { '---' } @$head], @rows;
}


# The faults; and those within the long runs, which have no count of their
# own.

sub tables {
    my (@rows) = @_;

    my @merged = merge(@rows);
    my @within = grep { $_->{id} =~ / / } @merged;
    my @alone = grep { $_->{id} !~ / / } @merged;
    my @times = ('worst ack', 'worst delivery', 'worst 503', 'worst stall');
    my @tables = lines(
        ['fault', 'repetitions', 'acknowledged', 'lost', 'duplicated',
         'reordered', @times, 'load', 'verdict'],
        map {
            my $row = $_;
            ["$row->{id} $row->{name}", (map { count($row->{$_}) } @sums),
             (map { seconds($row->{$_}) } @worst),
             defined $row->{load} ? sprintf '%.0f', $row->{load} : '–',
             $row->{verdict}];
        } @alone);

    push @tables, lines(
        ['within', 'repetitions', @times],
        map {
            my $row = $_;
            ["$row->{id} $row->{name}", count($row->{times}),
             map { seconds($row->{$_}) } @worst];
        } @within) if @within;

    return join "\n", @tables;
}


1;
