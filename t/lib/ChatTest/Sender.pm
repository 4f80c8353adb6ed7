package ChatTest::Sender;

# A visitor who sends one message after another, and the same one again until
# it is acknowledged.  step() never waits.

use strict;
use warnings;

use Time::HiRes qw(time);
use ChatTest ();


# Options: nginx (ChatTest::Nginx), visitor (label), conversation, pause
# (seconds between messages).

sub new {
    my ($class, %opt) = @_;

    return bless {
        pause => 0, %opt, sent => 0, acknowledged => {}, refused => [],
        lost => 0, wrong => [], slowest => 0, at => 0, repeats => 0,
        client => $opt{nginx}->client(visitor => $opt{visitor},
                                      keepalive => 1),
    }, $class;
}


sub step {
    my ($self) = @_;

    return if time < $self->{at};

    if (!$self->{call}) {
        $self->{id} //= "$self->{visitor}-" . ++$self->{sent};
        $self->{call} = eval {
            $self->{client}->start('POST',
                "/support/v1/conversations/$self->{conversation}/messages",
                json => {client_msg_id => $self->{id}, text => $self->{id}});
        };
        $self->{at} = time + 0.05 unless $self->{call};
        return;
    }

    return unless $self->{call}->poll;

    my $call = delete $self->{call};
    $self->answer($call->{response}, $call->took);
}


sub answer {
    my ($self, $response, $took) = @_;

    if (!$response) {
        $self->{lost}++;
        return $self->again(0.05);
    }

    my $status = $response->status;

    if ($status == 201 || $status == 200) {
        my $body = $response->json;

        $self->{repeats}++ if $body->{duplicate};
        $self->{acknowledged}{$self->{id}} = $body->{seq};
        $self->{at} = time + $self->{pause};
        delete $self->{id};

    } elsif ($status == 503) {
        push @{$self->{refused}}, {
            took => $took, id => $self->{id},
            retry => $response->header('Retry-After'),
        };
        $self->again(0.2);

    } else {
        push @{$self->{wrong}}, "$status " . $response->body;
        $self->again(0.2);
    }
}


sub again {
    my ($self, $after) = @_;
    $self->{at} = time + $after;
}


# Steps all senders until the condition holds; false when it does not within
# the seconds.

sub run {
    my ($class, $senders, $condition, $seconds) = @_;

    my $deadline = time + $seconds;

    while (!$condition->()) {
        return 0 if time > $deadline;
        $_->step for @$senders;
        Time::HiRes::sleep(0.002);
    }

    return 1;
}


# Lets every sender finish the message that is under way.

sub finish {
    my ($class, $senders, $seconds) = @_;

    my $deadline = time + $seconds;

    for my $sender (@$senders) {
        while (defined $sender->{id}) {
            return 0 if time > $deadline;
            $sender->step;
            Time::HiRes::sleep(0.002);
        }
    }

    return 1;
}


# Compares the record with the acknowledgements: a list of what is wrong.

sub compare {
    my ($self, $conninfo) = @_;

    my (%rows, @wrong);
    my $order = 0;

    for (split /\n/, ChatTest::psql(
        'SELECT client_msg_id, seq FROM chat.event WHERE conversation = '
        . "'$self->{conversation}' AND type = 'message' "
        . 'AND seq > 1 ORDER BY seq', $conninfo))
    {
        my ($id, $seq) = split /\|/;

        push @wrong, "$id is stored twice" if $rows{$id};
        push @wrong, "$id was never sent" if $id !~ /-(\d+)$/;
        push @wrong, "$id comes after $order" if $1 < $order;
        $rows{$id} = $seq;
        $order = $1;
    }

    for my $id (sort keys %{$self->{acknowledged}}) {
        my $seq = $self->{acknowledged}{$id};

        if (!$rows{$id}) {
            push @wrong, "$id was acknowledged and is not stored";

        } elsif ($rows{$id} != $seq) {
            push @wrong, "$id was acknowledged as $seq, is $rows{$id}";
        }
    }

    for my $id (keys %rows) {
        push @wrong, "$id is stored and was not acknowledged"
            if !$self->{acknowledged}{$id};
    }

    return @wrong;
}


1;
