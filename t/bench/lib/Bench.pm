package Bench;

# Rows of the benchmark: rounds that alternate between variants, the time that
# there is, what is kept.

use strict;
use warnings;

use Cwd qw(realpath);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use JSON::PP ();
use POSIX qw(strftime);
use Time::HiRes qw(time);
use Bench::Tell ();

my $json = JSON::PP->new->canonical->pretty;
my $top = realpath(dirname(__FILE__) . '/../../..');


# Settings: build, quick, rounds, seconds (of a run), limit (of it all, in
# seconds), quiet.

sub new {
    my ($class, %opt) = @_;

    my $self = bless {
        dir => "$opt{build}/bench", top => $top, start => time, rows => [],
        limit => 9e9, %opt,
    }, $class;

    make_path(map { "$self->{dir}/$_" } '', 'raw', 'tmp');

    return $self;
}

sub dir { $_[0]{dir} }
sub top { $_[0]{top} }
sub quick { $_[0]{quick} }
sub seconds { $_[0]{seconds} }

# of what has a goal; three are as good for what hardly differs from one to
# the next; what is beside it, and growth, has fewer
sub rounds { $_[0]{rounds} }
sub steady { $_[0]{rounds} > 3 ? 3 : $_[0]{rounds} }
sub fewer { $_[0]{rounds} > 3 ? int($_[0]{rounds} / 2) : 1 }


# The definition of a row: a file that returns
#
# order     its place in a whole run
# extra     it is no part of one
# title, goal
# size      names with two numbers each: of a quick run, and of a full one
# cost      seconds: start, and each run beside its own time, which is that
#           of all runs unless it is fixed; runs of a round, of a steady one,
#           of one of the fewer, and once
# measure   a sub of the benchmark and the sizes, which runs it
# tell      a sub of a Bench::Tell and the sizes

sub load {
    my ($file) = @_;

    my ($name) = $file =~ m{([^/]+)\.pl\z};
    my $definition = do $file or die "$file: ", $@ || $!, "\n";

    return {%$definition, name => $name};
}

sub definitions {
    my ($dir) = @_;

    return sort { $a->{order} <=> $b->{order} } map { load($_) }
           glob "$dir/*.pl";
}


# The seconds that a row should take.

sub estimate {
    my ($self, $definition) = @_;

    my $cost = $definition->{cost};

    return $cost->{start}
           + ($self->rounds * ($cost->{runs} // 0)
              + $self->steady * ($cost->{steady} // 0)
              + $self->fewer * ($cost->{fewer} // 0) + ($cost->{once} // 0))
             * ($cost->{each} + ($cost->{fixed} ? 0 : $self->seconds));
}


# One line that says what is being done; the next one replaces it on a
# terminal.

sub progress {
    my ($self, $text) = @_;

    return if $self->{quiet};

    my $line = sprintf '[%s of ~%s] %s', clock(time - $self->{start}),
                       clock($self->{total} // 0), $text;

    if (-t STDERR) {
        print STDERR "\r\e[K$line";
        $self->{open} = 1;

    } else {
        print STDERR "$line\n";
    }
}

sub clock { sprintf '%d:%02d', $_[0] / 60, $_[0] % 60 }

sub clear {
    my ($self) = @_;

    print STDERR "\r\e[K" if delete $self->{open};
}

sub say {
    my ($self, @lines) = @_;

    return if $self->{quiet};

    $self->clear;
    local $| = 1;
    print map { "$_\n" } @lines;
}


# Measures some rows, one after the other, and tells of each.  A row that
# fails, or is interrupted, is told of as far as it came.  Returns whether all
# of them were measured.

sub measure {
    my ($self, $machine, @definitions) = @_;

    my $left = 0;
    my $well = 1;

    $left += $self->estimate($_) for @definitions;
    $self->{total} = $left;
    $self->{machine} = $machine;

    for my $definition (@definitions) {
        my $begin = time;
        my $mine = $self->estimate($definition);
        my $row = $self->row($definition);
        my $time = $self->{limit} - ($begin - $self->{start});

        $self->{until} = $begin + $time * $mine / $left;
        $left -= $mine;

        if ($time <= 0) {
            push @{$row->{notes}}, 'not measured: no time was left';
            $well = 0;

        } elsif (!eval { $definition->{measure}->($self, $row->{size}); 1 }) {
            chomp(my $why = $self->{stopped} ? 'interrupted' : $@);
            push @{$row->{notes}}, $why;
            $well = 0;
            $self->{cleanup}->() if $self->{cleanup};
        }

        $row->{seconds} = time - $begin;
        $self->finish($row, $definition);
        last if $self->{stopped};
    }

    return $well;
}

sub row {
    my ($self, $definition) = @_;

    my $size = $definition->{size} // {};
    my $row = {
        name => $definition->{name}, title => $definition->{title},
        goal => $definition->{goal}, groups => {}, notes => [],
        size => {map { $_ => $size->{$_}[$self->quick ? 0 : 1] }
                 keys %$size},
        quick => $self->quick ? JSON::PP::true : JSON::PP::false,
        rounds => $self->rounds, run => $self->seconds,
        machine => $self->{machine}, date => strftime('%Y-%m-%d', gmtime),
        estimate => $self->estimate($definition),
    };

    $self->{row} = $row;
    push @{$self->{rows}}, $row;
    $self->say('', "$row->{name}  $row->{title}", "    goal: $row->{goal}");

    return $row;
}

sub finish {
    my ($self, $row, $definition) = @_;

    $self->save;

    my $tell = Bench::Tell->new($row, images => "$self->{dir}/img",
                                say => sub { $self->say(@_) });

    eval { $definition->{tell}->($tell, $row->{size}); 1 }
        or push @{$row->{notes}}, "cannot be told: $@";

    $self->say("    note: $_") for @{$row->{notes}};
    $self->say(sprintf '    %.0f s (estimated: %.0f s)', $row->{seconds},
               $row->{estimate});
    $self->save;
}


# Runs each variant once a round, each round beginning with another one.  A
# run in which anything was lost, doubled or out of order is void, and made
# once more; two void runs in a round leave a hole in it.  What is done is
# kept after each round.  When the row's time is up the round was the last.

sub alternate {
    my ($self, $name, @variants) = @_;

    my $rounds = ref $variants[0] ? $self->rounds : shift @variants;
    my $group = $self->{row}{groups}{$name}
        = {order => [map { $_->[0] } @variants], rounds => $rounds,
           complete => 0, runs => [], voids => []};
    my $begin = time;

    for my $round (1 .. $rounds) {
        my $each = $round > 1 ? (time - $begin) / ($round - 1) : 0;

        if ($round > 1 && time + $each > ($self->{until} // 9e9 + $begin)) {
            push @{$self->{row}{notes}}, "$name: " . ($round - 1)
                . " of $rounds rounds: its time was over";
            last;
        }

        push @variants, shift @variants if $round > 1;

        for my $variant (@variants) {
            $self->progress("$self->{row}{name} $name: $variant->[0], round "
                            . "$round of $rounds");
            $self->try($group, $round, @$variant);
        }

        $group->{complete} = $round;
        $self->save;
    }
}

sub try {
    my ($self, $group, $round, $name, $run) = @_;

    for my $try (1, 2) {
        my $result = eval { $run->() } // {void => [$@ || 'no result']};

        # what was interrupted has no result
        die "interrupted\n" if $self->{stopped};

        $result->{variant} = $name;
        $result->{round} = $round;
        push @{$group->{runs}}, $result;

        my $void = $result->{void} or last;
        chomp(my $why = join ', ', @$void);

        push @{$group->{voids}}, "$name, round $round: $why";
        $self->say("    void: $name, round $round: $why");
    }
}


# Ends the run that is being made, and all of it.

sub interrupt {
    my ($self) = @_;

    $self->{stopped} = 1;
    kill 'TERM', $self->{child} if $self->{child};
    die "interrupted\n";
}


# One file of everything of a row, one of what is to be told.

sub save {
    my ($self) = @_;

    my $row = $self->{row};

    write_file("$self->{dir}/raw/$row->{name}.json", $json->encode($row));

    my @summary = map { my %row = %$_; delete @row{qw(groups machine)};
                        \%row } @{$self->{rows}};

    write_file("$self->{dir}/summary.json",
               $json->encode({machine => $self->{machine},
                              rows => \@summary,
                              seconds => time - $self->{start},
                              rounds => $self->rounds}));
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
