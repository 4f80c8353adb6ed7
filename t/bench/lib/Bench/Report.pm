package Bench::Report;

# What was measured, as Markdown: blocks of a document, each between a comment
# that names it and one that ends it.

use strict;
use warnings;

use File::Basename qw(dirname);
use JSON::PP ();
use Bench ();
use Bench::Machine ();
use Bench::Stat ();

my $definitions = dirname(__FILE__) . '/../../rows';
my %verdicts = ('reached' => 'reached', 'above the least' => 'least only',
                'not reached' => '**not reached**',
                'not measured' => 'not measured', '' => '');


# What is kept of each row that there is: definition, and row if it was
# measured.

sub rows {
    my ($dir) = @_;

    return map {
        my $file = "$dir/raw/$_->{name}.json";
        my $row = -f $file ? JSON::PP->new->decode(Bench::read_file($file))
                           : undef;

        {definition => $_, row => $row && $row->{groups} ? $row : undef};
    } sort { number($a) <=> number($b) } Bench::definitions($definitions);
}


sub number { $_[0]{name} =~ /(\d+)/ ? $1 : 99 }


# The document with its blocks filled in.  A block of a row that was not
# measured says so.

sub fill {
    my ($text, @rows) = @_;

    my %blocks = (machine => machine(@rows), goals => goals(@rows),
                  growth => growth(@rows),
                  map { $_->{name} => row($_) } @rows);

    $text =~ s{(<!--\ bench:\ (\w+)\ -->\n).*?(<!--\ /bench\ -->)}
              {$1 . "\n" . ($blocks{$2} // "Not measured.\n") . "\n" . $3}gsex;

    return $text;
}

sub all {
    my (@rows) = @_;

    return join "\n", "# Machine\n", machine(@rows), "# Goals\n",
                goals(@rows), "# Growth\n", growth(@rows),
                map { ("# $_->{name}: $_->{title}\n", row($_)) } @rows;
}


# Rows that were measured in one run are told of together.

sub machine {
    my (@rows) = @_;

    my (@order, %names, %lines);

    for my $row (@rows) {
        my $key = join "\n", (map { "- $_" }
                              Bench::Machine::lines($row->{machine})),
            "- $row->{date}, commit " . ($row->{machine}{commit} || '?')
            . ", $row->{rounds} rounds of $row->{run} s"
            . ($row->{quick} ? ', quick: small sizes' : '');

        push @order, $key unless $names{$key};
        push @{$names{$key}}, $row->{name};
    }

    return join "\n", map { "$_\n- rows: @{$names{$_}}\n" } @order;
}


sub goals {
    my (@rows) = @_;

    my @lines = (['', 'what', 'ours', 'peer', 'of the peer', 'ratio', 'goal',
                  '']);
    my $star = 0;

    for my $row (@rows) {
        my $name = $row->{name};

        for my $goal (@{$row->{told}{goals}}) {
            my %limited = map { $_ => ' \*' } @{$goal->{limited}};
            my $want = $goal->{want} // '';

            $want .= " (least $goal->{least})" if $goal->{least};
            $star ||= %limited;

            push @lines, [$name,
                $goal->{what} . ($goal->{unit} ne '' ? ", $goal->{unit}"
                                                     : ''),
                Bench::Stat::spread($goal->{ours}) . ($limited{ours} // ''),
                $goal->{peer} // '',
                defined $goal->{peer}
                    ? Bench::Stat::spread($goal->{theirs})
                      . ($limited{peer} // '') : '',
                defined $goal->{peer}
                    ? Bench::Stat::spread($goal->{ratio}) : '',
                $goal->{judge} eq 'ours' && defined $goal->{peer} && $want
                    ? "ours $want" : $want,
                $verdicts{$goal->{verdict}}];
            $name = '';
        }
    }

    return table(@lines) . ($star ? "\n\\* The generator was what was busy "
        . "in most of these runs: the server can do more.\n" : '');
}


sub growth {
    my (@rows) = @_;

    my @lines = (['', 'what', 'sizes: figures', 'exponent', 'wanted']);

    for my $row (@rows) {
        for my $growth (@{$row->{told}{growth}}) {
            push @lines, [$row->{name}, $growth->{name},
                join(', ', map { Bench::Stat::short($_->[0]) . ': '
                                 . Bench::Stat::short($_->[1]) }
                           @{$growth->{points}}),
                defined $growth->{exponent}
                    ? sprintf('%.2f', $growth->{exponent}) : '-',
                $growth->{want} // ''];
        }
    }

    return table(@lines);
}


sub row {
    my ($row) = @_;

    my $voids = 0;
    my @text;

    for my $table (@{$row->{told}{tables}}) {
        push @text, ucfirst($table->{title}) . ":\n", table(@{$table->{lines}});
    }

    $voids += @{$_->{voids}} for values %{$row->{groups}};

    my @notes = (@{$row->{told}{notes}}, @{$row->{notes}},
                 $voids ? "void runs: $voids" : ());

    push @text, join '', map { "- $_\n" } @notes if @notes;

    return join "\n", @text;
}


# Columns of numbers are to the right.

sub table {
    my ($heads, @lines) = @_;

    my $cells = sub {
        my $line = '| ' . join(' | ', map { $_ // '' } @_) . " |\n";
        $line =~ s/>= /\xe2\x89\xa5 /g;
        $line =~ s/<= /\xe2\x89\xa4 /g;
        return $line;
    };
    my $number = qr/[\d.,]+(?: \([^a-z]*\))?(?: \\\*)?/;
    my @right = map {
        my $i = $_;
        !grep { ($_->[$i] // '') !~ /^(?:-|$number|)\z/ } @lines;
    } 0 .. $#$heads;

    return join '', $cells->(@$heads),
                $cells->(map { $_ ? '---:' : '---' } @right),
                map { $cells->(@$_) } @lines;
}


1;
