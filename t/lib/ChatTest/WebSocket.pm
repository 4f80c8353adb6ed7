package ChatTest::WebSocket;

# A WebSocket client on a raw socket: frames as they are told, also wrong
# ones.

use strict;
use warnings;

use Digest::SHA qw(sha1_base64);
use Errno qw(EAGAIN EINTR);
use IO::Select ();
use IO::Socket::INET ();
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(time);
use ChatTest ();

my %opcodes = (continuation => 0, text => 1, binary => 2, close => 8,
               ping => 9, pong => 10);
my %names = reverse %opcodes;


# Connects and shakes hands.  Options: port, visitor or agent (a label),
# token, path, headers (array of lines), protocol (undef: none), early (bytes
# that follow the request at once), query, rcvbuf (of the socket), pong (0:
# pings are not answered).

sub new {
    my ($class, %opt) = @_;

    my $self = bless {path => '/support/v1/stream', protocol => 'chat.v1',
                      headers => [], pong => 1, in => '', early => '', %opt,
                      messages => [], texts => [], frames => []}, $class;

    $self->{token} //= ChatTest::visitor_token($opt{visitor})
        if defined $opt{visitor};
    $self->{token} //= ChatTest::agent_token($opt{agent})
        if defined $opt{agent};

    my $socket = IO::Socket::INET->new(Proto => 'tcp')
        or die "cannot make a socket: $!\n";

    setsockopt $socket, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(),
               pack 'i', $opt{rcvbuf} if $opt{rcvbuf};
    connect $socket, Socket::pack_sockaddr_in($opt{port},
                                              Socket::inet_aton('127.0.0.1'))
        or die "cannot connect to port $opt{port}: $!\n";

    $socket->blocking(0);
    $self->{socket} = $socket;

    my $key = encode_base64(join('', map { chr int rand 256 } 1 .. 16), '');
    my $query = defined $self->{query} ? "?$self->{query}" : '';

    $self->write(join("\r\n",
        "GET $self->{path}$query HTTP/1.1", 'Host: localhost',
        'Connection: keep-alive, Upgrade', 'Upgrade: websocket',
        'Sec-WebSocket-Version: 13', "Sec-WebSocket-Key: $key",
        defined $self->{protocol}
            ? "Sec-WebSocket-Protocol: $self->{protocol}" : (),
        defined $self->{token} ? "Authorization: Bearer $self->{token}" : (),
        @{$self->{headers}}) . "\r\n\r\n" . $self->{early});

    ChatTest::wait_until { $self->fill; $self->{in} =~ /\r\n\r\n/
                           || $self->{eof} }
        or die "no answer to the handshake\n";

    $self->{in} =~ s/\A(.*?\r\n)\r\n//s;
    $self->{head} = $1 // '';
    ($self->{status}) = $self->{head} =~ m{\AHTTP/1\.1 (\d+)};

    if (($self->{status} // 0) == 101) {
        my $accept = sha1_base64(
            $key . '258EAFA5-E914-47DA-95CA-C5AB0DC85B11') . '=';
        die "wrong Sec-WebSocket-Accept\n"
            if ($self->header('Sec-WebSocket-Accept') // '') ne $accept;
    }

    return $self;
}


sub status { $_[0]{status} }

sub header {
    my ($self, $name) = @_;
    return $self->{head} =~ /^\Q$name\E: *([^\r]*)/mi ? $1 : undef;
}


sub write {
    my ($self, $bytes) = @_;

    local $SIG{PIPE} = 'IGNORE';
    my $sent = 0;

    while ($sent < length $bytes) {
        my $n = syswrite $self->{socket}, $bytes, length($bytes) - $sent,
                         $sent;
        return 0 if !defined $n && $! != EAGAIN && $! != EINTR;
        IO::Select->new($self->{socket})->can_write(5) or return 0 if !$n;
        $sent += $n // 0;
    }

    return 1;
}


# The bytes of a frame.  Options: fin, rsv, opcode (name or number), mask (0:
# none), length (announced), wide (2 or 8: bytes of the length).

sub frame {
    my ($class, $payload, %opt) = @_;

    my $opcode = $opcodes{$opt{opcode} // 'text'} // $opt{opcode};
    my $length = $opt{length} // length $payload;
    my $wide = $opt{wide} // ($length < 126 ? 0 : $length < 65536 ? 2 : 8);
    my $masked = $opt{mask} // 1;
    my $mask = pack 'N', int rand 2**32;

    my $frame = pack 'CC', (($opt{fin} // 1) ? 0x80 : 0)
                           | (($opt{rsv} // 0) << 4) | $opcode,
                           ($masked ? 0x80 : 0)
                           | ($wide == 8 ? 127 : $wide == 2 ? 126 : $length);

    $frame .= pack 'n', $length if $wide == 2;
    $frame .= pack 'Q>', $length if $wide == 8;

    return $frame . $payload if !$masked;

    my $n = length $payload;

    return $frame . $mask
           . ($payload ^ substr $mask x (1 + $n / 4), 0, $n);
}


sub send_frame {
    my ($self, $payload, %opt) = @_;
    return $self->write($self->frame($payload, %opt));
}


sub send {
    my ($self, %message) = @_;
    return $self->send_frame(ChatTest::json_encode(\%message));
}


sub fill {
    my ($self) = @_;

    for ( ;; ) {
        my $n = sysread $self->{socket}, $self->{in}, 65536,
                        length $self->{in};

        next if !defined $n && $! == EINTR;
        last if !defined $n && $! == EAGAIN;

        $self->{eof} = 1 if !$n;
        last if !$n;
    }
}


# Takes what has arrived apart: frames as [name, payload] into "frames", and
# of text the JSON into "messages".  Pings are answered in between: some
# megabytes of JSON take this parser longer than the server waits for a pong.

sub poll {
    my ($self) = @_;

    $self->take;

    while (defined(my $text = shift @{$self->{texts}})) {
        push @{$self->{messages}}, ChatTest::json_decode($text);
        $self->take;
    }
}


sub take {
    my ($self) = @_;

    $self->fill;

    while (length $self->{in} >= 2) {
        my ($first, $second) = unpack 'CC', $self->{in};
        my ($length, $head) = ($second & 127, 2);

        if ($length == 126) {
            last if length $self->{in} < 4;
            ($length, $head) = (unpack('x2 n', $self->{in}), 4);

        } elsif ($length == 127) {
            last if length $self->{in} < 10;
            ($length, $head) = (unpack('x2 Q>', $self->{in}), 10);
        }

        last if length $self->{in} < $head + $length;

        my $payload = substr $self->{in}, $head, $length;
        substr $self->{in}, 0, $head + $length, '';

        die "a frame of the server is masked\n" if $second & 128;
        die "a frame of the server has reserved bits\n" if $first & 0x70;
        die "a frame of the server has no FIN\n" if !($first & 128);

        $self->got($names{$first & 15} // 'unknown', $payload);
    }
}


sub got {
    my ($self, $name, $payload) = @_;

    push @{$self->{frames}}, [$name, $payload];

    if ($name eq 'text' && !$self->{raw}) {
        push @{$self->{texts}}, $payload;

    } elsif ($name eq 'ping') {
        $self->{pings}++;
        $self->send_frame($payload, opcode => 'pong') if $self->{pong};

    } elsif ($name eq 'close') {
        $self->{code} = length $payload ? unpack('n', $payload) : 1005;
        $self->send_frame($payload, opcode => 'close') if !$self->{closed}++;
    }
}


# The next message, or the next one of a type; those before it are dropped.
# undef when it does not come in time, or the connection ends.

sub next {
    my ($self, $type, $seconds) = @_;

    my $deadline = time + ($seconds // 30);

    for ( ;; ) {
        $self->poll;

        while (my $message = shift @{$self->{messages}}) {
            return $message
                if !defined $type || $message->{type} eq $type;
        }

        my $left = $deadline - time;
        return undef if $left <= 0 || $self->{eof};

        IO::Select->new($self->{socket})->can_read($left);
    }
}


# Says something and waits for the answer with its ref.

my $refs = 0;

sub ask {
    my ($self, %message) = @_;

    my $ref = ++$refs;
    $self->send(ref => $ref, %message);

    my $deadline = time + 30;

    while (time < $deadline && !$self->{eof}) {
        my ($found) = grep { ($self->{messages}[$_]{ref} // '') eq $ref }
                           0 .. $#{$self->{messages}};

        return splice @{$self->{messages}}, $found, 1 if defined $found;

        IO::Select->new($self->{socket})->can_read(0.2);
        $self->poll;
    }

    return;
}


# Until the server has closed; its code, 1006 when there was no close frame,
# undef when it does not close.

sub closed {
    my ($self, $seconds) = @_;

    my $deadline = time + ($seconds // 30);

    $self->poll;

    while (!$self->{eof}) {
        my $left = $deadline - time;
        return if $left <= 0;

        IO::Select->new($self->{socket})->can_read($left);
        $self->poll;
    }

    return $self->{code} // 1006;
}


sub close {
    my ($self, $code) = @_;

    $self->{closed} = 1;
    $self->send_frame(defined $code ? pack('n', $code) : '',
                      opcode => 'close');
}


sub abort { my ($self) = @_; CORE::close $self->{socket} }


1;
