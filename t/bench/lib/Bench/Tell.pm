package Bench::Tell;

# What is told of the results of a row: tables, goals with their verdicts,
# growth, plots.  It needs nothing but the row as it was kept, so that it can
# be told again later, and of a row that was cut short.

use strict;
use warnings;

use File::Path qw(make_path);
use Bench::Plot ();
use Bench::Stat ();

require Bench;


# Options: say (a sub that gets lines), images (where plots go).

sub new {
    my ($class, $row, %opt) = @_;

    $row->{told} = {tables => [], goals => [], growth => [], notes => [],
                    plots => []};

    return bless {row => $row, %opt}, $class;
}

sub say {
    my ($self, @lines) = @_;

    $self->{say}->(@lines) if $self->{say};
}


# The results of a variant that count; all of its rounds were made, unless
# there is not one that was.

sub runs {
    my ($self, $group, $variant) = @_;

    my $kept = $self->{row}{groups}{$group} or return [];

    return [grep { $_->{variant} eq $variant && !$_->{void}
                   && (!$kept->{complete}
                       || $_->{round} <= $kept->{complete}) }
            @{$kept->{runs}}];
}

sub stat {
    my ($self, $group, $variant, $what) = @_;

    return Bench::Stat::summary($self->runs($group, $variant), $what);
}

sub median {
    my ($self, @what) = @_;

    my $stat = $self->stat(@what);

    return $stat && $stat->{median};
}

sub order { @{($_[0]{row}{groups}{$_[1]} // {})->{order} // []} }


# A table of lines; the first are the heads.

sub lines {
    my ($self, $title, @lines) = @_;

    my @width;

    for my $line (@lines) {
        for my $i (0 .. $#$line) {
            my $length = length($line->[$i] // '');
            $width[$i] = $length if $length > ($width[$i] // 0);
        }
    }

    $self->say("    $title:", map {
        my $line = $_;
        my $text = '    ' . join '  ', map {
            sprintf $_ ? "%$width[$_]s" : "%-$width[0]s", $line->[$_] // ''
        } 0 .. $#$line;
        $text =~ s/\s+\z//;
        $text;
    } @lines);

    push @{$self->{row}{told}{tables}}, {title => $title, lines => \@lines};
}


# A table of the variants of a group: columns are [head, path or sub].  What
# nobody has is left out.

sub table {
    my ($self, $title, $group, $variants, @columns) = @_;

    my @variants = grep { @{$self->runs($group, $_)} }
                   @{$variants // [$self->order($group)]};

    return unless @variants;

    @columns = grep {
        my $column = $_;
        grep { $self->stat($group, $_, $column->[1]) } @variants;
    } @columns;

    $self->lines($title, ['', map { $_->[0] } @columns], map {
        my $variant = $_;
        [$variant, map {
            Bench::Stat::spread($self->stat($group, $variant, $_->[1]))
        } @columns];
    } @variants);

    $self->limits($group, @variants);
}


# Which of two the goal is about: options are
#
# ours, peer     [group, variant, path or sub]
# name           what the peer is called, if not by its variant
# unit           of both
# over           "peer": the ratio is the peer's by ours
# judge          "ratio", which is usual if there is a peer, or "ours"
# want, least    ">= 1": the goal, and what is acceptable

sub goal {
    my ($self, $what, %opt) = @_;

    my ($ours, $peer) = @opt{qw(ours peer)};
    $what .= ', peer / ours' if ($opt{over} // '') eq 'peer';

    my %goal = (what => $what, unit => $opt{unit} // '',
                want => $opt{want}, least => $opt{least},
                ours => $self->stat(@$ours),
                judge => $opt{judge} // ($peer ? 'ratio' : 'ours'));
    my @limited = $self->limited(@$ours[0, 1]) ? 'ours' : ();

    if ($peer) {
        my @pair = ([$self->runs(@$ours[0, 1]), $ours->[2]],
                    [$self->runs(@$peer[0, 1]), $peer->[2]]);

        @pair = reverse @pair if ($opt{over} // '') eq 'peer';

        $goal{peer} = $opt{name} // $peer->[1];
        $goal{theirs} = $self->stat(@$peer);
        $goal{ratio} = Bench::Stat::ratio(map { @$_ } @pair);
        push @limited, 'peer' if $self->limited(@$peer[0, 1]);
    }

    $goal{limited} = \@limited;
    $goal{verdict} = verdict($goal{$goal{judge}}, @goal{qw(want least)});

    push @{$self->{row}{told}{goals}}, \%goal;
    $self->say('  * ' . sentence(\%goal));
}

sub verdict {
    my ($stat, $want, $least) = @_;

    return 'not measured' unless $stat;
    return '' unless $want;
    return 'reached' if Bench::Stat::keeps($stat->{median}, $want);
    return 'above the least'
        if $least && Bench::Stat::keeps($stat->{median}, $least);
    return 'not reached';
}

sub sentence {
    my ($goal) = @_;

    my $unit = $goal->{unit} ne '' ? " $goal->{unit}" : '';

    return join ', ', "$goal->{what}: "
               . Bench::Stat::spread($goal->{ours}) . $unit,
        (defined $goal->{peer}
            ? ("$goal->{peer}: " . Bench::Stat::spread($goal->{theirs})
               . $unit, 'ratio ' . Bench::Stat::spread($goal->{ratio}))
            : ()),
        ($goal->{want}
            ? ("goal $goal->{want}"
               . ($goal->{least} ? " (least $goal->{least})" : '')
               . ": $goal->{verdict}") : ());
}


# Growth over sizes: points are [size, group, variant, path or sub].

sub growth {
    my ($self, $name, $want, @points) = @_;

    @points = map {
        my ($size, $group, @what) = @$_;
        my $median = ref $group || !defined $group ? $group
                                                   : $self->median($group,
                                                                   @what);
        $median = $$median if ref $median;
        defined $median ? [$size, $median] : ();
    } @points;

    my $e = Bench::Stat::exponent(@points);

    push @{$self->{row}{told}{growth}}, {name => $name, points => \@points,
                                         exponent => $e, want => $want};
    $self->say(sprintf '    growth: %s ~ size^%s   %s%s', $name,
               defined $e ? sprintf('%.2f', $e) : '-',
               join(', ', map { Bench::Stat::short($_->[0]) . ': '
                                . Bench::Stat::short($_->[1]) } @points),
               defined $want ? "   (wanted: $want)" : '');
}


sub note {
    my ($self, $text) = @_;

    push @{$self->{row}{told}{notes}}, $text;
    $self->say("    note: $text");
}


# In how many runs of a variant it was not the server that was busy.

sub limited {
    my ($self, $group, $variant) = @_;

    my $runs = $self->runs($group, $variant);
    my @limited = grep { ($_->{limit} // 'server') eq 'generator' } @$runs;

    return @limited * 2 > @$runs;
}

sub limits {
    my ($self, $group, @variants) = @_;

    for my $variant (@variants) {
        my $runs = $self->runs($group, $variant);
        my %n;

        $n{$_->{limit} // 'server'}++ for @$runs;

        $self->note(sprintf '%s: %s in %d of %d runs', $variant, $_->[1],
                    $n{$_->[0]}, scalar @$runs)
            for grep { $n{$_->[0]} }
                ['generator', 'the generator was what was busy'],
                ['nobody', 'a core was partly idle'],
                ['behind', 'the rate was not kept up with'];
    }
}


sub plot {
    my ($self, $name, %opt) = @_;

    my $svg = Bench::Plot::svg(%opt) or return;

    push @{$self->{row}{told}{plots}}, "$name.svg";

    if ($self->{images}) {
        make_path($self->{images});
        Bench::write_file("$self->{images}/$name.svg", $svg);
    }
}


1;
