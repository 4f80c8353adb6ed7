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


# FAULT_SECONDS in the environment makes a run shorter, to try it.

sub seconds { return $ENV{FAULT_SECONDS} || $_[0]{seconds} }


# Every fault of the list in turn, until the time is over and the messages
# are there.  One row for each beside that of the whole.

sub mixed {
    my ($class, $fault) = @_;

    my $world = ChatTest::World->new(lc $fault->{id}, hosts => [{}, {}],
                                     redis => $fault->{redis},
                                     visitors => 24);
    my $load = ChatTest::Load->new(world => $world, rate => 200);
    my $messages = $ENV{FAULT_SECONDS} ? 0 : $fault->{messages};
    my $end = time + seconds($fault);
    my @list = map { $class->fault($_) }
               grep { $fault->{redis} || !/^(?:F4|F5|F6f|F12r)$/ } @mixed;
    my (%worst, $n);

    $load->go;
    $load->flows(200);

    while (time < $end || $load->acked < $messages) {
        my $strike = $list[$n++ % @list];

        $load->mark;
        $strike->{strike}->($world, $load, $n);
        $load->flows(200, 120);

        my $times = $load->mark;
        my $sum = $worst{$strike->{id}} //= {name => $strike->{name}};

        $sum->{times}++;

        for my $what (qw(ack delivery refusal stall)) {
            $sum->{$what}{max} = $times->{$what}{max}
                if $times->{$what}{max} > ($sum->{$what}{max} // 0);
        }

        $load->dwell(3);
    }

    my $result = $load->finish(patience => 120);

    $load->stop;

    my $row = $class->judge($result, $n);

    $row->{ack} = greatest('ack', values %worst);
    $row->{delivery} = greatest('delivery', values %worst);
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


# Memory and descriptors at the end of each tenth; a reload in each.

sub soak {
    my ($class, $fault) = @_;

    my $world = ChatTest::World->new('l3', visitors => 24);
    my $load = ChatTest::Load->new(world => $world, rate => 20, churn => 5);
    my $part = seconds($fault) / 12;
    my @used;

    $load->go;

    for my $n (1 .. 12) {
        $load->dwell($part);
        push @used, $world->measure;
        note(ChatTest::json_encode($used[-1]));
        $class->fault('F10')->{strike}->($world, $load);
    }

    my $times = $load->mark;
    my $result = $load->finish;

    $load->stop;

    my $row = $class->judge($result, 12);

    # the first parts fill caches
    my $grown = $used[-1]{memory} - $used[3]{memory};
    my $hours = 8 * $part / 3600;

    cmp_ok($grown, '<=', 1024 * ($hours < 1 ? 1 : $hours),
           'memory grows by at most a megabyte an hour');
    cmp_ok($used[-1]{descriptors}, '<=', 1.05 * $used[3]{descriptors} + 5,
           'descriptors do not');
    is(join('', $world->alarms), '', 'nothing alarming in the logs');
    $world->stop;

    return {%$row, ack => $times->{ack}, delivery => $times->{delivery}};
}


1;
