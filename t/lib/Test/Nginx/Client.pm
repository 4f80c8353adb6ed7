package Test::Nginx::Client;

# Sends the packets of one request on a new connection and returns all bytes
# that came back until nginx closed it.

use strict;
use warnings;

use Errno qw(EAGAIN EINTR);
use Exporter 'import';
use IO::Select ();
use IO::Socket::INET ();
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(exchange);


# Options: addr, port, timeout (seconds between two events), delay (seconds
# between packets), shutdown (how, once all is sent).  Returns (bytes, error);
# the error is "timeout" when the connection was left open by nginx.

sub exchange {
    my ($packets, %opt) = @_;

    my $socket = IO::Socket::INET->new(
        PeerAddr => $opt{addr}, PeerPort => $opt{port},
        Timeout => $opt{timeout},
    ) or return ('', "cannot connect to $opt{addr}:$opt{port}: $!");

    $socket->blocking(0);
    local $SIG{PIPE} = 'IGNORE';

    my $received = '';
    my @packets = @$packets;
    my $first = 1;

    while (@packets) {
        my $packet = shift @packets;
        my $delay = $packet->{delay_before};

        $delay = $opt{delay} if !defined $delay && !$first;
        sleep $delay if $delay;
        $first = 0;

        my $error = send_bytes($socket, $packet->{value}, \$received,
                               $opt{timeout});

        # nginx may answer and close before it has read all: read the answer
        last if $error && $error eq 'closed';
        return ($received, $error) if $error;
    }

    shutdown $socket, $opt{shutdown} if defined $opt{shutdown};

    my $select = IO::Select->new($socket);

    for ( ;; ) {
        return ($received, 'timeout')
            unless $select->can_read($opt{timeout});

        my $n = sysread $socket, $received, 65536, length $received;

        next if !defined $n && ($! == EAGAIN || $! == EINTR);
        last if !$n;
    }

    return ($received, undef);
}


sub send_bytes {
    my ($socket, $bytes, $received, $timeout) = @_;

    my $select = IO::Select->new($socket);
    my $sent = 0;

    while ($sent < length $bytes) {
        my ($readable, $writable)
            = IO::Select->select($select, $select, undef, $timeout);

        return 'timeout' unless $readable;

        if (@$readable) {
            my $n = sysread $socket, $$received, 65536, length $$received;
            return 'closed' if defined $n && $n == 0;
        }

        if (@$writable) {
            my $n = syswrite $socket, $bytes, length($bytes) - $sent, $sent;

            if (defined $n) {
                $sent += $n;

            } elsif ($! != EAGAIN && $! != EINTR) {
                return 'closed';
            }
        }
    }

    return;
}


1;
