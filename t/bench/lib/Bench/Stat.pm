package Bench::Stat;

# Medians, spreads, ratios and exponents of results, and how numbers are
# written.

use strict;
use warnings;


# The value at a path of names, as "deliver.per_s", or what a sub tells.

sub value {
    my ($result, $what) = @_;

    return $what->($result) if ref $what;

    for my $name (split /\./, $what) {
        return undef unless ref $result eq 'HASH';
        $result = $result->{$name};
    }

    return $result;
}


# The median, the least and the greatest of some numbers.

sub of {
    my @values = sort { $a <=> $b } grep { defined } @_;

    return undef unless @values;

    my $middle = @values / 2;
    my $median = @values % 2 ? $values[int $middle]
                             : ($values[$middle - 1] + $values[$middle]) / 2;

    return {median => $median, min => $values[0], max => $values[-1],
            n => scalar @values};
}

sub summary {
    my ($results, $what) = @_;

    return of(map { value($_, $what) } @{$results // []});
}


# What the share of all values does not exceed; 0: their mean.

sub quantile {
    my ($share, @values) = @_;

    return undef unless @values;

    if ($share == 0) {
        my $sum = 0;
        $sum += $_ for @values;
        return $sum / @values;
    }

    @values = sort { $a <=> $b } @values;
    my $n = $share * @values;

    return $values[$n == int $n ? $n - 1 : int $n];
}


# The ratio of two variants, each round by itself: what disturbs the machine
# for a while disturbs both.  Without a round in common, that of the medians.

sub ratio {
    my ($one, $what, $other, $other_what) = @_;

    my %other = map { ($_->{round} // 0) => value($_, $other_what) }
                @{$other // []};
    my @ratios;

    for my $result (@{$one // []}) {
        my $n = value($result, $what);
        my $by = $other{$result->{round} // 0};

        push @ratios, $n / $by if defined $n && $by;
    }

    return of(@ratios) if @ratios;

    my ($ours, $theirs) = (summary($one, $what),
                           summary($other, $other_what));

    return undef unless $ours && $theirs && $theirs->{median};
    return of($ours->{median} / $theirs->{median});
}

sub inverse {
    my ($stat) = @_;

    return undef unless $stat && $stat->{min} > 0;

    return {median => 1 / $stat->{median}, min => 1 / $stat->{max},
            max => 1 / $stat->{min}, n => $stat->{n}};
}


# y = c * x ^ e, by least squares of the logarithms.

sub exponent {
    my @points = map { [log $_->[0], log $_->[1]] }
                 grep { $_->[0] && defined $_->[1] && $_->[1] > 0 } @_;
    my $n = @points;

    return undef if $n < 2;

    my ($x, $y) = (0, 0);
    $x += $_->[0] / $n, $y += $_->[1] / $n for @points;

    my ($xy, $xx) = (0, 0);
    $xy += ($_->[0] - $x) * ($_->[1] - $y), $xx += ($_->[0] - $x) ** 2
        for @points;

    return $xx ? $xy / $xx : undef;
}


# Whether a number keeps to "<= 1.3" or ">= 0.9".

sub keeps {
    my ($n, $goal) = @_;

    $goal =~ /^(<=|>=) ([\d.]+)$/ or die "goal \"$goal\"\n";

    return $1 eq '<=' ? $n <= $2 : $n >= $2;
}


# Three digits that say something; commas in what is large.

sub short {
    my ($n) = @_;

    return '-' unless defined $n;

    my $size = abs $n;
    my $digits = $size >= 100 ? 0 : $size >= 10 ? 1 : $size >= 1 ? 2 : 3;
    my $text = sprintf "%.${digits}f", $n;

    $text = '0' if $n == 0;
    1 while $text =~ s/^(-?\d+)(\d{3})(?=[,.]|\z)/$1,$2/;

    return $text;
}

sub spread {
    my ($stat) = @_;

    return '-' unless $stat;
    return short($stat->{median}) if $stat->{n} < 2;

    return short($stat->{median}) . ' (' . short($stat->{min}) . '-'
           . short($stat->{max}) . ')';
}


1;
