package ChatTest::Faults;

# The table of faults and what is done with each: a load, the fault so many
# times under it, and the checker.
#
# A fault is a hash: id, name, strike (a sub that is given the world and the
# load, and mends what it broke), times (in the short form) and long; world
# (options of ChatTest::World), load (options of t/faults/load.mjs), except
# (a pattern of lines in the error log that are the fault's own), resets
# (reasons for which readers may have to begin anew), stall (the most seconds
# that a worker may take to answer what needs nobody else), fresh (1: its world
# is for nobody else), or run, a sub that does everything itself and returns a
# row.

use strict;
use warnings;

use Test::More;
use ChatTest ();
use ChatTest::Faults::Backend ();
use ChatTest::Faults::Client ();
use ChatTest::Faults::Files ();
use ChatTest::Faults::Long ();
use ChatTest::Faults::Memory ();
use ChatTest::Faults::Network ();
use ChatTest::Faults::Nginx ();
use ChatTest::Faults::Table ();
use ChatTest::Load ();
use ChatTest::World ();

my @table = map { $_->faults } qw(
    ChatTest::Faults::Nginx
    ChatTest::Faults::Backend
    ChatTest::Faults::Network
    ChatTest::Faults::Client
    ChatTest::Faults::Files
    ChatTest::Faults::Memory
    ChatTest::Faults::Long
);

my $worlds = 0;
my (%worlds, @rows);


# Without those that are run alone.

sub table { return grep { !$_->{apart} } @table }

sub fault {
    my ($class, $id) = @_;

    my ($fault) = grep { $_->{id} eq $id } @table;
    return $fault // die "there is no fault $id\n";
}


# One fault as a test of its own.  Options: long; warm (1: what is in use is
# compared with what is in use after a load without a fault).

sub run {
    my ($class, $id, %opt) = @_;

    my $fault = $class->fault($id);

    subtest "$fault->{id}: $fault->{name}" => sub {
        my $row = eval {
            $fault->{run} ? $fault->{run}->($class, $fault, %opt)
                          : $class->strike($fault, %opt);
        };

        if (!$row) {
            fail('it runs to its end') or diag $@;
            $row = {verdict => 'did not end'};
        }

        $row->{verdict} = 'wrong'
            if $row->{verdict} eq 'holds' && !Test::More->builder->is_passing;

        $class->add_row({id => $fault->{id}, name => $fault->{name}, %$row});
    };
}


sub add_row {
    my ($class, $row) = @_;

    $row->{load} = load();
    $row->{ended} = time;
    push @rows, $row;
    note(ChatTest::json_encode($row));

    my $path = ChatTest::build_dir('faults') . '/rows.jsonl';

    open my $out, '>>', $path or die "$path: $!\n";
    print $out ChatTest::json_encode($row), "\n";
    close $out;
}


# The machine's, of the last fifteen minutes.

sub load {
    open my $in, '<', '/proc/loadavg' or return;
    return (split ' ', <$in>)[2] + 0;
}


# Faults share a world, as long as they leave it whole.

sub world {
    my ($class, $fault, %opt) = @_;

    my $options = $fault->{world} // {};
    my $key = $fault->{fresh} ? $fault->{id} : ChatTest::json_encode($options);
    my $world = delete $worlds{$key};

    if (!$world) {
        $world = ChatTest::World->new('world' . ++$worlds, %$options);
        $world->{before} = $world->measure;
        delete @{$world->{before}}{qw(memory shared)};
        $class->warm($world, $fault) if $opt{warm} && $fault->{strike};
    }

    return ($world, sub { $fault->{fresh} ? $world->stop
                                          : ($worlds{$key} = $world) });
}


# A load without a fault.

sub warm {
    my ($class, $world, $fault) = @_;

    $class->under($world, {%$fault, strike => undef});
    settle($world);
}


sub strike {
    my ($class, $fault, %opt) = @_;

    my ($world, $keep) = $class->world($fault, %opt);
    my $times = $opt{long} ? $fault->{long} // $fault->{times}
                           : $fault->{times};
    my ($result, $times_of) = $class->under($world, $fault, $times);

    my $row = $class->judge($result, $times);

    $row->{dying} = delete $world->{dying} if defined $world->{dying};
    answers($fault, $times_of);

    if ($world->{before}{memory}) {
        back($world, $opt{long});
    } elsif (!$fault->{strike}) {
        settle($world);
    }

    is(join('', $world->alarms($fault->{except})), '',
       'nothing alarming in the logs');
    $world->clear_logs;
    $keep->();

    return {%$row, %$times_of};
}


sub answers {
    my ($fault, $times_of) = @_;

    cmp_ok($times_of->{stall}{max}, '<=', 1000 * $fault->{stall},
           "$fault->{id}: no worker waits") if $fault->{stall};
}


# The row of what the checker says.

sub judge {
    my ($class, $result, $times) = @_;

    is_deeply(findings($result), [], 'what was seen is what is stored')
        or diag explain $result->{violations};
    note(ChatTest::json_encode($result->{counts}));
    is(join(' ', sort keys %{$result->{counts}{received}}), 'poll sse ws',
       'by every transport');

    return row($result, $times);
}


# A load and the fault, so many times: what the checker says, and the times.

sub under {
    my ($class, $world, $fault, $times) = @_;

    my $load = ChatTest::Load->new(world => $world, %{$fault->{load} // {}});

    $load->go;
    $load->flows(100);
    $load->mark;

    for my $n (1 .. $times // 1) {
        $fault->{strike}->($world, $load, $n) if $fault->{strike};
        $load->flows(100);
    }

    my $times_of = $load->mark;
    my $result = $load->finish(resets => $fault->{resets});

    $load->stop;
    return ($result, $times_of);
}


# Memory that is in use once everybody has come and gone.

sub settle {
    my ($world) = @_;

    my ($used, $last);

    ChatTest::wait_until {
        $last = $used;
        $used = $world->measure;
        $last && $used->{descriptors} == $last->{descriptors};
    } 60;

    $world->{before}{$_} = $used->{$_} for qw(memory shared);
}


# Channels are kept for 30 s after their last reader.

sub back {
    my ($world, $long) = @_;

    my %before = %{$world->{before}};
    my @grown;

    delete $before{channels} if !$long;

    # a sanitizer holds back what has been freed
    delete $before{memory} if defined $ENV{ASAN_OPTIONS};

    ChatTest::wait_until {
        @grown = $world->grown(\%before, $world->measure);
        !@grown;
    } 60;

    is_deeply(\@grown, [],
              'memory, shared memory, descriptors and channels are back');
}


# Everything that is wrong, in a word each.

sub findings {
    my ($result) = @_;

    return [(map { "$_: $result->{kinds}{$_}" } sort keys %{$result->{kinds}}),
            (map { "behind: $_" } @{$result->{behind}}),
            (map { "stopped: $_" } @{$result->{stops}})];
}


sub row {
    my ($result, $times) = @_;

    my $kinds = $result->{kinds};
    my $sum = sub {
        my $n = 0;
        $n += $kinds->{$_} // 0 for @_;
        return $n;
    };

    return {
        times => $times,
        acknowledged => $result->{counts}{acknowledged},
        received => $result->{counts}{received},
        unknown => $result->{counts}{unknown},
        reconnects => $result->{counts}{reconnects},
        lost => $sum->('lost', 'gap', 'behind', 'not in the record'),
        duplicated => $sum->('stored twice', 'duplicate', 'two answers'),
        reordered => $sum->('reordered', 'stored out of order', 'other seq',
                            'not dense'),
        verdict => @{findings($result)} ? 'wrong' : 'holds',
    };
}


# The rows of this run as tables in Markdown.

sub report { return ChatTest::Faults::Table::tables(@rows) }


1;
