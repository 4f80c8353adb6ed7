package ChatTest::Faults::Long;

# The long runs: faults of every kind one after the other under one load of
# two hosts, and hours of a moderate load with clients that come and go.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use ChatTest ();
use ChatTest::Load ();
use ChatTest::World ();

my @mixed = qw(F2 F2s F3 F4 F5 F6f F7 F8 F9c F9t F9s F9l F9r F10 F12r F12p
               H1);


sub faults {
    return (
        {id => 'L1', name => 'mixed faults, two hosts', redis => 1,
         seconds => 1800, messages => 100_000, run => \&mixed, apart => 1},

        {id => 'L2', name => 'mixed faults, two hosts without Redis',
         redis => 0, seconds => 1800, messages => 100_000, run => \&mixed,
         apart => 1},

        {id => 'L3', name => 'soak: clients come and go', seconds => 7200,
         run => \&soak, apart => 1},
    );
}


# FAULT_SECONDS in the environment makes a run shorter, to try it; FAULT_RATE
# is another number of messages a second.

sub seconds { return $ENV{FAULT_SECONDS} || $_[0]{seconds} }


# Every fault of the list in turn, until the time is over and the messages
# are there.  One row for each beside that of the whole.

sub mixed {
    my ($class, $fault) = @_;

    my $world = ChatTest::World->new(lc $fault->{id}, hosts => [{}, {}],
                                     redis => $fault->{redis},
                                     visitors => 24);

    $world->{before} = $world->measure;
    delete @{$world->{before}}{qw(memory shared)};
    $class->warm($world, {});

    my $load = ChatTest::Load->new(world => $world, slack => 4,
                                   rate => ($ENV{FAULT_RATE} || 200) + 0);
    my $messages = $ENV{FAULT_SECONDS} ? 0 : $fault->{messages};
    my $began = time;
    my $end = $began + seconds($fault);
    my @list = map { $class->fault($_) }
               grep { $fault->{redis} || !/^(?:F4|F5|F6f|F12r)$/ } @mixed;
    my ($n, %worst) = (0);

    $load->go;
    $load->flows(200);

    while (time < $end || $load->acked < $messages) {
        my $strike = $list[$n++ % @list];

        $load->mark;
        $strike->{strike}->($world, $load, $n);
        $load->flows(200, 120);

        my $times = $load->mark;

        ChatTest::Faults::answers($strike, $times);

        my $sum = $worst{$strike->{id}} //= {name => $strike->{name}};

        $sum->{times}++;

        for my $what (qw(ack delivery refusal stall)) {
            $sum->{$what}{max} = $times->{$what}{max}
                if $times->{$what}{max} > ($sum->{$what}{max} // 0);
        }

        note(ChatTest::json_encode({id => $strike->{id}, %$times,
                                    acked => $load->acked}));
        $load->dwell(3);
    }

    my $result = $load->finish(patience => 120);

    $load->stop;

    my $row = $class->judge($result, $n);

    ChatTest::Faults::back($world, 1);
    $row->{seconds} = int(time - $began);
    $row->{$_} = greatest($_, values %worst) for qw(ack delivery refusal stall);
    $class->add_row({%{$worst{$_}}, id => "$fault->{id} $_", verdict => ''})
        for sort keys %worst;

    is(join('', $world->alarms(qr/exited on signal 9/)), '',
       'nothing alarming in the logs');
    $world->stop;

    return $row;
}


sub greatest {
    my ($what, @sums) = @_;

    my ($most) = sort { $b <=> $a } map { $_->{$what}{max} // 0 } @sums;
    return {max => $most};
}


# Memory and descriptors at the end of each twelfth; a reload in each.  SIGUSR1
# ends it early: the verdict is that of what there was.

sub soak {
    my ($class, $fault) = @_;

    my $world = ChatTest::World->new('l3', visitors => 24);
    my $load = ChatTest::Load->new(world => $world, rate => 20, churn => 5,
                                   slack => 4);
    my $part = seconds($fault) / 12;
    my $began = time;
    my ($over, @used) = (0);

    local $SIG{USR1} = sub { $over = 1 };

    $load->go;

    while (@used < 12 && !$over) {
        my $end = time + $part;

        $load->until(sub { $over || time >= $end }, $part + 60, 'a part');
        push @used, {%{$world->measure}, at => int(time - $began)};
        note(ChatTest::json_encode({%{$used[-1]}, acked => $load->acked}));
        $class->fault('F10')->{strike}->($world, $load);
    }

    my $times = $load->mark;
    my $result = $load->finish(patience => 120);

    $load->stop;

    my $row = $class->judge($result, scalar @used);

    $row->{stable} = steady(@used) ? 1 : 0;
    is(join('', $world->alarms), '', 'nothing alarming in the logs');
    $world->stop;

    return {%$row, %$times, seconds => int(time - $began), used => \@used};
}


# The first parts fill caches.

sub steady {
    my (@used) = @_;

    my ($first, $last) = @used[@used > 3 ? 3 : 0, -1];
    my $hours = ($last->{at} - $first->{at}) / 3600;

    return cmp_ok($last->{memory} - $first->{memory}, '<=',
                  1024 * ($hours < 1 ? 1 : $hours),
                  'memory grows by at most a megabyte an hour')
         & cmp_ok($last->{descriptors}, '<=',
                  1.05 * $first->{descriptors} + 5, 'descriptors do not');
}


1;
