package ChatTest::EventStream;

# A reader of server-sent events over HTTP/1.1.

use strict;
use warnings;

use Errno qw(EAGAIN EINTR);
use IO::Select ();
use Time::HiRes qw(time);
use ChatTest ();
use ChatTest::Client ();


# Starts a stream.  Options: those of a client, or a client; query (text),
# headers (array of lines).

sub new {
    my ($class, %opt) = @_;

    my $query = delete $opt{query};
    my $headers = delete $opt{headers};
    my $client = $opt{client} // ChatTest::Client->new(%opt);
    my $call = $client->start('GET', "/support/v1/stream?$query",
        headers => ['Accept: text/event-stream', @{$headers // []}]);

    return bless {call => $call, socket => $call->{socket}, in => '',
                  text => '', events => [], comments => 0}, $class;
}


# Takes what has arrived apart: events as [name, data, id].  An answer that is
# no stream is left to json().

sub poll {
    my ($self) = @_;

    for ( ;; ) {
        my $n = sysread $self->{socket}, $self->{in}, 65536,
                        length $self->{in};

        next if !defined $n && $! == EINTR;
        last if !defined $n && $! == EAGAIN;

        $self->{eof} = 1 if !$n;
        last if !$n || !$self->take;
    }

    $self->take;
}

sub take {
    my ($self) = @_;

    if (!defined $self->{head}) {
        my ($head) = $self->{in} =~ /\A(.*?\r\n)\r\n/s or return 1;

        $self->{head} = $head;
        ($self->{status}) = $head =~ m{\AHTTP/1\.1 (\d+)};
        $self->{stream} = $head =~ m{^Content-Type: text/event-stream}mi;
        substr $self->{in}, 0, length($head) + 2, '' if $self->{stream};
    }

    return 1 if !$self->{stream};

    my $at = 0;

    while (substr($self->{in}, $at, 16) =~ /\A(?:\r\n)?([0-9a-f]+)\r\n/) {
        my ($begin, $length) = ($at + $+[0], hex $1);

        $self->{ended} = 1, last if $length == 0;
        last if length $self->{in} < $begin + $length;

        $self->{text} .= substr $self->{in}, $begin, $length;
        $at = $begin + $length;
    }

    substr $self->{in}, 0, $at, '';
    $self->events;

    return @{$self->{events}} < 1000;
}

sub events {
    my ($self) = @_;

    my @parts = split /\n\n/, $self->{text}, -1;
    $self->{text} = pop @parts // '';

    for (@parts) {
        my %field = map { /^(\w+): ?(.*)/ ? ($1 => $2) : () } split /\n/;

        $self->{comments}++ if /^:/;
        push @{$self->{events}}, [@field{qw(event data id)}]
            if defined $field{data};
    }
}


# The status of the answer; undef when there is none in time.

sub status {
    my ($self, $seconds) = @_;

    ChatTest::wait_until { $self->poll; $self->{status} || $self->{eof} }
        $seconds // 30;
    return $self->{status};
}

sub header {
    my ($self, $name) = @_;
    $self->status;
    return $self->{head} =~ /^\Q$name\E: *([^\r]*)/mi ? $1 : undef;
}


# The body of an answer that is no stream.

sub json {
    my ($self) = @_;

    $self->status;
    $self->{call}{bytes} = $self->{in};
    return $self->{call}->wait(30)->json;
}


# The next event of a type, or any, as data with its "cursor"; those before it
# are dropped.  undef when it does not come in time, or the stream ends.

sub next {
    my ($self, $type, $seconds) = @_;

    my $deadline = time + ($seconds // 30);

    for ( ;; ) {
        $self->poll if !@{$self->{events}};

        while (my $event = shift @{$self->{events}}) {
            next if defined $type && $event->[0] ne $type;

            my $data = ChatTest::json_decode($event->[1]);
            $data->{cursor} = $event->[2] if defined $event->[2];
            return $data;
        }

        my $left = $deadline - time;
        return if $left <= 0 || $self->{ended} || $self->{eof};

        IO::Select->new($self->{socket})->can_read($left);
    }
}


# Until the server ends it: 1 when it has done so properly, 0 when the
# connection was cut, undef when it does not end in time.

sub over {
    my ($self, $seconds) = @_;

    ChatTest::wait_until { $self->poll; $self->{ended} || $self->{eof} }
        $seconds // 30 or return;
    return $self->{ended} ? 1 : 0;
}


sub abort { $_[0]{call}->abort }


1;
