package ChatTest::Client;

# An HTTP/1.1 client that can hold several requests at once.

use strict;
use warnings;

use Errno qw(EAGAIN EINTR);
use IO::Select ();
use IO::Socket::INET ();
use Time::HiRes qw(sleep time);
use ChatTest ();
use HTTPResponse ();


# Options: port, visitor or agent (a label), token, headers (array of lines),
# keepalive (one connection for all requests), prefix, rcvbuf (bytes).

sub new {
    my ($class, %opt) = @_;

    $opt{token} //= ChatTest::visitor_token($opt{visitor})
        if defined $opt{visitor};
    $opt{token} //= ChatTest::agent_token($opt{agent}) if defined $opt{agent};

    return bless {prefix => '', headers => [], %opt}, $class;
}


sub connection {
    my ($self) = @_;

    return $self->{socket} if $self->{socket};

    my $socket = IO::Socket::INET->new(Proto => 'tcp', Timeout => 5)
        or die "cannot make a socket: $!\n";

    setsockopt $socket, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(),
               pack 'i', $self->{rcvbuf} if $self->{rcvbuf};
    connect $socket, Socket::pack_sockaddr_in($self->{port},
                                              Socket::inet_aton('127.0.0.1'))
        or die "cannot connect to port $self->{port}: $!\n";

    $socket->blocking(0);
    $self->{socket} = $socket if $self->{keepalive};

    return $socket;
}


# Sends a request and returns a ChatTest::Client::Call at once.  Options:
# headers (array of lines), json (data), body (bytes, or an array of chunks),
# type (of a body; json sets it), token (undef: none).

sub start {
    my ($self, $method, $path, %opt) = @_;

    my $body = $opt{body};
    my $type = $opt{type};
    my $token = exists $opt{token} ? $opt{token} : $self->{token};
    my @lines = ("$method $self->{prefix}$path HTTP/1.1", 'Host: localhost',
                 'Connection: ' . ($self->{keepalive} ? 'keep-alive'
                                                      : 'close'));

    if (exists $opt{json}) {
        $body = ChatTest::json_encode($opt{json});
        $type //= 'application/json';
    }

    push @lines, "Authorization: Bearer $token" if defined $token;
    push @lines, "Content-Type: $type" if defined $type;

    if (ref $body) {
        push @lines, 'Transfer-Encoding: chunked';
        $body = join '', map { sprintf "%x\r\n%s\r\n", length, $_ } @$body,
                '';

    } elsif (defined $body) {
        push @lines, 'Content-Length: ' . length $body;
    }

    my $text = join("\r\n", @lines, @{$self->{headers}},
                    @{$opt{headers} // []}) . "\r\n\r\n" . ($body // '');

    my $call = ChatTest::Client::Call->new(
        client => $self, socket => $self->connection,
        head => $method eq 'HEAD');
    $call->write($text);

    return $call;
}


sub request {
    my ($self, $method, $path, %opt) = @_;

    my $timeout = delete $opt{timeout};

    return $self->start($method, $path, %opt)->wait($timeout);
}


sub get { my $self = shift; return $self->request('GET', @_) }
sub delete { my $self = shift; return $self->request('DELETE', @_) }

sub post {
    my ($self, $path, $json, %opt) = @_;
    return $self->request('POST', $path, json => $json, %opt);
}

sub patch {
    my ($self, $path, $json, %opt) = @_;
    return $self->request('PATCH', $path, json => $json, %opt);
}

sub close { delete $_[0]{socket} }


package ChatTest::Client::Call;

# One request under way.

use Errno qw(EAGAIN EINTR);
use Time::HiRes qw(time);


sub new {
    my ($class, %opt) = @_;
    return bless {%opt, bytes => '', began => time}, $class;
}


sub write {
    my ($self, $text) = @_;

    local $SIG{PIPE} = 'IGNORE';
    my $select = IO::Select->new($self->{socket});
    my $sent = 0;

    while ($sent < length $text) {
        $select->can_write(30) or die "nginx does not read the request\n";

        my $n = syswrite $self->{socket}, $text, length($text) - $sent, $sent;
        last if !defined $n && $! != EAGAIN && $! != EINTR;
        $sent += $n // 0;
    }
}


# Takes what has arrived.  True once the call is over.

sub poll {
    my ($self) = @_;

    return 1 if $self->{over};

    for ( ;; ) {
        my $n = sysread $self->{socket}, $self->{bytes}, 65536,
                        length $self->{bytes};

        next if !defined $n && $! == EINTR;
        last if !defined $n && $! == EAGAIN;

        $self->{eof} = 1 if !$n;
        last if !$n;
    }

    my ($response, $rest) = HTTPResponse->parse(
        $self->{bytes}, head => $self->{head}, eof => $self->{eof});

    if ($response) {
        $self->{response} = $response;
        $self->{took} = time - $self->{began};
        $self->finish;

    } elsif ($self->{eof}) {
        $self->finish;
    }

    return $self->{over};
}


sub finish {
    my ($self) = @_;

    $self->{over} = 1;

    if ($self->{eof}
        || ($self->{response}->header('Connection') // '') =~ /close/i)
    {
        delete $self->{client}{socket};
    }

    delete $self->{socket};
}


# The response; undef if the connection was closed without one.  Dies when
# there is none after the seconds (30).

sub wait {
    my ($self, $timeout) = @_;

    my $deadline = time + ($timeout // 30);

    while (!$self->poll) {
        my $left = $deadline - time;
        die "no answer in time\n" if $left <= 0;
        IO::Select->new($self->{socket})->can_read($left);
    }

    return $self->{response};
}


sub took { $_[0]{took} }
sub abort { my $self = shift; CORE::close $self->{socket}; $self->{over} = 1 }


package HTTPResponse;

sub json { return ChatTest::json_decode($_[0]{body}) }


1;
