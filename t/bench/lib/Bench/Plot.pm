package Bench::Plot;

# Line plots as SVG, which look right on light and on dark pages.

use strict;
use warnings;

my ($width, $height, $left, $right, $top, $bottom) = (640, 360, 64, 150, 40,
                                                      48);
my @colours = ('#2563eb', '#d97706', '#059669', '#be185d', '#64748b');


# Options: title, x, y (names of the axes), log (of y), lines (names with
# lists of points).

sub svg {
    my (%opt) = @_;

    my %lines = %{$opt{lines}};
    my @names = sort { ($a !~ /^chat/) <=> ($b !~ /^chat/) or $a cmp $b }
                grep { @{$lines{$_}} } keys %lines;
    my @points = map { @{$lines{$_}} } @names;

    return undef unless @points;

    my ($x1, $y1, $y0) = (0, 0, undef);

    for my $point (@points) {
        $x1 = $point->[0] if $point->[0] > $x1;
        $y1 = $point->[1] if $point->[1] > $y1;
        $y0 = $point->[1] if $point->[1] > 0
                             && (!defined $y0 || $point->[1] < $y0);
    }

    my @ticks = $opt{log} ? decades($y0, $y1) : steps($y1);
    my ($low, $high) = @ticks[0, -1];
    my $x = sub { $left + ($width - $left - $right) * $_[0] / $x1 };
    my $y = sub {
        my $share = $opt{log}
            ? log(($_[0] > $low ? $_[0] : $low) / $low) / log($high / $low)
            : ($_[0] - $low) / ($high - $low);
        return $height - $bottom - ($height - $top - $bottom) * $share;
    };

    my @svg = (
        qq{<svg xmlns="http://www.w3.org/2000/svg" width="$width" }
        . qq{height="$height" viewBox="0 0 $width $height" }
        . qq{font-family="sans-serif" font-size="12">},
        qq{<rect width="$width" height="$height" fill="#ffffff"/>},
        text($left, 20, $opt{title}, 'font-size="14" font-weight="bold"'));

    for my $tick (@ticks) {
        my $at = sprintf '%.1f', $y->($tick);

        push @svg, qq{<line x1="$left" x2="${\($width - $right)}" y1="$at" }
                   . qq{y2="$at" stroke="#cbd5e1"/>},
             text($left - 8, $at + 4, number($tick), 'text-anchor="end"');
    }

    for my $tick (steps($x1)) {
        next if $tick > $x1;
        push @svg, text(sprintf('%.1f', $x->($tick)), $height - $bottom + 18,
                        number($tick), 'text-anchor="middle"');
    }

    push @svg, text(($left + $width - $right) / 2, $height - 10, $opt{x},
                    'text-anchor="middle"'),
         text(0, 0, $opt{y}, 'text-anchor="middle" transform="translate(16 '
              . ($height / 2) . ') rotate(-90)"');

    my $n = 0;

    for my $name (@names) {
        my $colour = $colours[$n % @colours];
        my @at = map { [map { sprintf '%.1f', $_ } $x->($_->[0]),
                                                    $y->($_->[1])] }
                 sort { $a->[0] <=> $b->[0] } @{$lines{$name}};

        push @svg, qq{<polyline fill="none" stroke="$colour" }
                   . 'stroke-width="2" points="'
                   . join(' ', map { join ',', @$_ } @at) . '"/>',
             (map { qq{<circle cx="$_->[0]" cy="$_->[1]" r="3" }
                    . qq{fill="$colour"/>} } @at),
             qq{<rect x="${\($width - $right + 16)}" }
             . qq{y="${\($top + 20 * $n)}" width="12" height="12" }
             . qq{fill="$colour"/>},
             text($width - $right + 34, $top + 20 * $n + 10, $name);
        $n++;
    }

    return join("\n", @svg, '</svg>') . "\n";
}


sub text {
    my ($x, $y, $text, $more) = @_;

    $text =~ s/&/&amp;/g;
    $text =~ s/</&lt;/g;

    return qq{<text x="$x" y="$y" fill="#0f172a"}
           . ($more ? " $more" : '') . ">$text</text>";
}

sub number {
    my ($n) = @_;

    return $n / 1000 . 'k' if $n >= 1000;
    return 0 + sprintf '%.3g', $n;
}


# Some four or five round numbers from zero to at least that one.

sub steps {
    my ($most) = @_;

    my $step = 10 ** int(log($most) / log(10) - ($most < 1 ? 1 : 0));

    $step /= 5 if $most / $step < 2;
    $step /= 2 if $most / $step < 4;
    $step *= 2 if $most / $step > 8;

    my @steps = (0);

    push @steps, $steps[-1] + $step while $steps[-1] < $most;

    return @steps;
}

sub decades {
    my ($least, $most) = @_;

    my $n = 10 ** (int(log($least) / log(10)) - ($least < 1 ? 1 : 0));
    my @steps = ($n);

    push @steps, $steps[-1] * 10 while $steps[-1] < $most;

    return @steps;
}


1;
