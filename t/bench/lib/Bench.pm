package Bench;

# Rows of the benchmark: rounds that alternate between variants, medians and
# spreads, what is printed and what is kept.

use strict;
use warnings;

use Cwd qw(realpath);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use JSON::PP ();
use POSIX qw(strftime);
use Time::HiRes qw(time);
use Bench::Plot ();

my $json = JSON::PP->new->canonical->pretty;
my $top = realpath(dirname(__FILE__) . '/../../..');


# Settings: rounds, quick, seconds (of a run), only (names of rows).

sub new {
    my ($class, %opt) = @_;

    my $self = bless {
        dir => "$opt{build}/bench", top => $top, start => time, rows => [],
        %opt,
    }, $class;

    make_path(map { "$self->{dir}/$_" } '', 'raw', 'tmp');

    return $self;
}

sub dir { $_[0]{dir} }
sub top { $_[0]{top} }
sub quick { $_[0]{quick} }
sub rounds { $_[0]{rounds} }

# the length of one run, and a size: that of a quick run or the full one
sub seconds { $_[0]{seconds} }
sub size { my ($self, $quick, $full) = @_; $self->{quick} ? $quick : $full }


# One line that says what is being done; the next one replaces it on a
# terminal.

sub progress {
    my ($self, $text) = @_;

    my $t = time - $self->{start};
    my $line = sprintf '[%2d:%02d] %s', $t / 60, $t % 60, $text;

    if (-t STDERR) {
        print STDERR "\r\e[K$line";
        $self->{open} = 1;

    } else {
        print STDERR "$line\n";
    }
}

sub clear {
    my ($self) = @_;

    print STDERR "\r\e[K" if delete $self->{open};
}

sub say {
    my ($self, @lines) = @_;

    $self->clear;
    local $| = 1;
    print map { "$_\n" } @lines;
}


# A row: its name, its title and its goal.

sub row {
    my ($self, $name, $title, $goal) = @_;

    my $row = {name => $name, title => $title, goal => $goal, runs => [],
               voids => [], table => []};

    push @{$self->{rows}}, $row;
    $self->{row} = $row;

    $self->say('', "$name  $title", "    goal: $goal");
}


# Runs each variant once a round, each round beginning with another one.  A
# run in which anything was lost, doubled or out of order is void, and made
# once more; two void runs in a round leave a hole in it.  Returns the results
# by variant.

sub alternate {
    my ($self, @variants) = @_;

    my $rounds = $self->rounds;
    $rounds = shift @variants unless ref $variants[0];

    my %results = map { $_->[0] => [] } @variants;

    for my $round (1 .. $rounds) {
        push @variants, shift @variants if $round > 1;

        for my $variant (@variants) {
            my ($name, $run) = @$variant;

            for my $try (1, 2) {
                $self->progress("$self->{row}{name} $name, "
                                . "round $round of $rounds");

                my $result = eval { $run->() }
                             // {void => [$@ || 'no result']};
                my $void = $result->{void};

                $result->{variant} = $name;
                $result->{round} = $round;
                push @{$self->{row}{runs}}, $result;

                if (!$void) {
                    push @{$results{$name}}, $result;
                    last;
                }

                push @{$self->{row}{voids}}, "$name: @$void";
                $self->say("    void: $name, round $round: @$void");
            }
        }
    }

    return \%results;
}


# The value at a path of names, as "deliver.per_s".

sub at {
    my ($result, $path) = @_;

    for my $name (split /\./, $path) {
        return undef unless ref $result eq 'HASH';
        $result = $result->{$name};
    }

    return $result;
}


# The median, the least and the greatest of what a path or a sub tells of
# each result.

sub stat {
    my ($self, $results, $what) = @_;

    my @values = sort { $a <=> $b } grep { defined }
                 map { ref $what ? $what->($_) : at($_, $what) }
                 @{$results // []};

    return undef unless @values;

    my $middle = @values / 2;
    my $median = @values % 2 ? $values[int $middle]
                             : ($values[$middle - 1] + $values[$middle]) / 2;

    return {median => $median, min => $values[0], max => $values[-1],
            n => scalar @values};
}

sub median {
    my ($self, $results, $what) = @_;

    my $stat = $self->stat($results, $what);

    return $stat && $stat->{median};
}


sub ratio {
    my ($one, $other) = @_;

    return defined $one && $other ? $one / $other : undef;
}


# A number with three digits that say something.

sub short {
    my ($n) = @_;

    return '-' unless defined $n;
    return sprintf '%.0f', $n if abs $n >= 100;
    return sprintf '%.1f', $n if abs $n >= 10;
    return sprintf '%.2f', $n;
}

sub spread {
    my ($stat) = @_;

    return '-' unless $stat;
    return short($stat->{median}) if $stat->{n} < 2;
    return short($stat->{median}) . ' (' . short($stat->{min}) . '-'
           . short($stat->{max}) . ')';
}


# Prints a table: a list of heads, then lists of cells.

sub table {
    my ($self, @lines) = @_;

    my @width;

    for my $line (@lines) {
        for my $i (0 .. $#$line) {
            my $length = length($line->[$i] // '');
            $width[$i] = $length if $length > ($width[$i] // 0);
        }
    }

    $self->say(map {
        my $line = $_;
        my $text = '    ' . join '  ', map {
            sprintf $_ ? "%$width[$_]s" : "%-$width[0]s", $line->[$_] // ''
        } 0 .. $#$line;
        $text =~ s/\s+\z//;
        $text;
    } @lines);

    push @{$self->{row}{table}}, \@lines;
}


# A table of variants: columns are [head, path or sub].

sub variants {
    my ($self, $results, $order, @columns) = @_;

    $self->table(
        ['', map { $_->[0] } @columns],
        map {
            my $variant = $_;
            [$variant, map { spread($self->stat($results->{$variant},
                                                $_->[1])) } @columns];
        } grep { @{$results->{$_} // []} } @$order);
}


# A number that the goal is about.  It is one of the report's lines.

sub figure {
    my ($self, $name, $value, $goal) = @_;

    push @{$self->{row}{figures}}, {name => $name, value => $value,
                                    goal => $goal};
    $self->say(sprintf '    %-56s %s%s', $name, short($value),
               defined $goal ? "   (goal $goal)" : '');
}

sub note {
    my ($self, $text) = @_;

    push @{$self->{row}{notes}}, $text;
    $self->say("    note: $text");
}


# y = c * x ^ e, by least squares of the logarithms.

sub exponent {
    my ($self, $points) = @_;

    my @points = map { [log $_->[0], log $_->[1]] }
                 grep { $_->[0] && $_->[1] && $_->[1] > 0 } @$points;
    my $n = @points;

    return undef if $n < 2;

    my ($x, $y) = (0, 0);
    $x += $_->[0] / $n, $y += $_->[1] / $n for @points;

    my ($xy, $xx) = (0, 0);
    $xy += ($_->[0] - $x) * ($_->[1] - $y), $xx += ($_->[0] - $x) ** 2
        for @points;

    return $xx ? $xy / $xx : undef;
}

sub growth {
    my ($self, $name, $points, $goal) = @_;

    my $e = $self->exponent($points);

    push @{$self->{row}{growth}}, {name => $name, points => $points,
                                   exponent => $e, goal => $goal};
    $self->say(sprintf '    growth: %s ~ size^%s   %s%s', $name,
               defined $e ? sprintf('%.2f', $e) : '-',
               join(', ', map { short($_->[0]) . ': ' . short($_->[1]) }
                          @$points),
               defined $goal ? "   (goal $goal)" : '');
}


# A plot, kept with the documentation when all of it was measured.

sub plot {
    my ($self, $name, %opt) = @_;

    my $svg = Bench::Plot::svg(%opt) or return;
    my $dir = $self->quick ? "$self->{dir}/img" : "$self->{top}/docs/img";

    make_path($dir);
    write_file("$dir/$name.svg", $svg);
    push @{$self->{row}{plots}}, "$name.svg";
}


# Whether what was measured was the server.

sub saturated {
    my ($self, $results, @variants) = @_;

    for my $variant (@variants) {
        my $max = $self->median($results->{$variant}, 'cpu.generator_max');
        my $machine = $self->median($results->{$variant}, 'cpu.machine');

        next unless defined $max;

        $self->note(sprintf '%s: the generator used %.2f of a core',
                    $variant, $max) if $max > 0.9;
        $self->note(sprintf '%s: the machine used %.2f cores only',
                    $variant, $machine) if $machine < 1.7;
    }
}


# After each row: one file of everything, one of what is to be told.

sub save {
    my ($self, $machine) = @_;

    my $row = $self->{row};

    write_file("$self->{dir}/raw/$row->{name}.json",
               $json->encode({%$row, machine => $machine}));

    my @summary = map { my %row = %$_; delete $row{runs}; \%row }
                  @{$self->{rows}};

    write_file("$self->{dir}/summary.json",
               $json->encode({machine => $machine, rows => \@summary,
                              seconds => time - $self->{start},
                              rounds => $self->rounds,
                              date => strftime('%Y-%m-%d', gmtime)}));
}


sub write_file {
    my ($path, $text) = @_;

    open my $out, '>', "$path.new" or die "cannot write $path: $!\n";
    print $out $text;
    close $out or die "cannot write $path: $!\n";
    rename "$path.new", $path or die "cannot write $path: $!\n";
}

sub read_file {
    my ($path) = @_;

    open my $in, '<', $path or die "cannot read $path: $!\n";
    local $/;
    return <$in>;
}


1;
