package Bench::Client;

# One client on a plain socket, for what is measured one at a time: it counts
# events and does not look at them.

use strict;
use warnings;

use IO::Socket::INET ();
use Time::HiRes qw(time);


# Options: port, token (of a visitor).

sub new {
    my ($class, %opt) = @_;

    return bless {%opt}, $class;
}

sub connect {
    my ($self) = @_;

    $self->{socket} = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $self->{port}, Timeout => 10)
        or die "cannot connect: $!\n";
    $self->{in} = '';
}

sub request {
    my ($self, $path, @lines) = @_;

    return join "\r\n", "GET $path HTTP/1.1", 'Host: localhost',
                "Authorization: Bearer $self->{token}", @lines, '', '';
}

sub more {
    my ($self) = @_;

    my $n = sysread $self->{socket}, $self->{in}, 262144,
                    length $self->{in};

    die "the connection has ended\n" if !$n;
}


# The body of an answer with a length.

sub get {
    my ($self, $path, @lines) = @_;

    $self->connect if !$self->{socket};
    print {$self->{socket}} $self->request($path, @lines);
    $self->more until $self->{in} =~ /\r\n\r\n/;

    my ($length) = $self->{in} =~ /^Content-Length: (\d+)/mi
        or die "no length: $self->{in}\n";
    $self->{in} =~ s/\A.*?\r\n\r\n//s;
    $self->more while length $self->{in} < $length;

    return substr $self->{in}, 0, $length, '';
}


# Resumes after the cursor by "ws", "sse" or "poll", and returns how many
# milliseconds after the connection was begun the last of so many events was
# there.

sub resume {
    my ($self, $how, $conversation, $since, $events) = @_;

    my $path = '/support/v1/stream';
    my $query = "?conversation=$conversation&since=$since";
    my $began = time;

    if ($how eq 'poll') {
        while ($events > 0) {
            my $body = $self->get("$path?conversation=$conversation"
                                  . "&since=$since&wait=0");
            $events -= () = $body =~ /"seq":/g;
            ($since) = $body =~ /"next":"([^"]+)"/
                or die "no cursor: $body\n";
        }

        return 1000 * (time - $began);
    }

    $self->connect;

    if ($how eq 'sse') {
        print {$self->{socket}} $self->request($path . $query,
            'Accept: text/event-stream');

    } else {
        print {$self->{socket}} $self->request($path,
            'Connection: Upgrade', 'Upgrade: websocket',
            'Sec-WebSocket-Version: 13',
            'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='),
            frame('{"type":"subscribe","conversation":"' . $conversation
                  . '","since":"' . $since . '"}');
    }

    # what is cut in two is counted with its end

    while ($events > 0) {
        $self->more;
        $events -= () = $self->{in} =~ /"seq":/g;
        $self->{in} = substr $self->{in}, -5;
    }

    return 1000 * (time - $began);
}


# A text frame, with a mask of zeros.

sub frame {
    my ($text) = @_;

    my $n = length $text;

    return pack('CC', 0x81, 0x80 | ($n < 126 ? $n : 126))
           . ($n < 126 ? '' : pack 'n', $n) . "\0" x 4 . $text;
}


1;
