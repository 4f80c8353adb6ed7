package ChatTest::EventStream;

# A reader of server-sent events over HTTP/1.1.

use strict;
use warnings;

use IO::Select ();
use Time::HiRes qw(time);
use ChatTest ();
use ChatTest::Client ();


# Starts a stream.  Options: port, visitor or agent (a label), token, query
# (text), headers (array of lines), rcvbuf (1: small).

sub new {
    my ($class, %opt) = @_;

    my $query = delete $opt{query};
    my $headers = delete $opt{headers};
    my $client = ChatTest::Client->new(%opt);
    my $call = $client->start('GET', "/support/v1/stream?$query",
        headers => ['Accept: text/event-stream', @{$headers // []}]);

    return bless {call => $call, socket => $call->{socket}, at => 0,
                  text => '', events => [], comments => 0}, $class;
}


# Takes what has arrived apart: events as [name, data, id].

sub poll {
    my ($self) = @_;

    my $call = $self->{call};

    $call->poll;
    $self->{eof} = $call->{over};

    if (!defined $self->{status}) {
        my ($head) = $call->{bytes} =~ /\A(.*?\r\n)\r\n/s or return;

        $self->{at} = length($head) + 2;
        ($self->{status}) = $head =~ m{\AHTTP/1\.1 (\d+)};
        $self->{head} = $head;
    }

    return if $self->{head} !~ /^Content-Type: text\/event-stream/mi;

    while (substr($call->{bytes}, $self->{at}) =~ /\A(?:\r\n)?([0-9a-f]+)\r\n/)
    {
        my $begin = $self->{at} + $+[0];
        my $length = hex $1;

        $self->{ended} = 1, last if $length == 0;
        last if length $call->{bytes} < $begin + $length;

        $self->{text} .= substr $call->{bytes}, $begin, $length;
        $self->{at} = $begin + $length;
    }

    # what has been read is not kept: streams are long

    if ($self->{at} > 65536) {
        substr $call->{bytes}, 0, $self->{at}, "HTTP/1.1 200 OK\r\n"
            . "Transfer-Encoding: chunked\r\n\r\n";
        $self->{at} = index($call->{bytes}, "\r\n\r\n") + 4;
    }

    while ($self->{text} =~ s/\A(.*?)\n\n//s) {
        my %field = map { /^(\w+): ?(.*)/ ? ($1 => $2) : () } split /\n/, $1;

        $self->{comments}++ if $1 =~ /^:/;
        next if !defined $field{data};
        push @{$self->{events}}, [$field{event}, $field{data}, $field{id}];
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

sub json { return $_[0]{call}->wait(30)->json }


# The next event of a type, or any, as data with "id"; those before it are
# dropped.  undef when it does not come in time, or the stream ends.

sub next {
    my ($self, $type, $seconds) = @_;

    my $deadline = time + ($seconds // 30);

    for ( ;; ) {
        $self->poll;

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
