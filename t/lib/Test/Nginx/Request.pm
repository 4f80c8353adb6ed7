package Test::Nginx::Request;

# The bytes to send for a block: from --- request, --- pipelined_requests or
# --- raw_request, with --- more_headers.

use strict;
use warnings;

use Exporter 'import';
use Test::Nginx::Server qw(expand server_name);

our @EXPORT_OK = qw(requests);


# Returns a list of requests, each a list of packets { value, delay_before }.

sub requests {
    my ($block) = @_;

    my $raw = $block->raw_request;
    return [map { {value => $_} } ref $raw ? @$raw : $raw] if defined $raw;

    my $pipelined = $block->pipelined_requests;

    if (defined $pipelined) {
        die "pipelined_requests must be an array\n"
            unless ref $pipelined eq 'ARRAY';

        my $i = 0;
        my $all = join '', map {
            my $last = $i == $#$pipelined;
            scalar complete(expand($_), headers($block, $i++),
                            $last ? 'close' : 'keep-alive');
        } @$pipelined;

        return [{value => $all}];
    }

    my $request = $block->request;
    die "no request\n" unless defined $request;

    if (!ref $request) {
        $request =~ s/\A(?:\s*#[^\n]*\n|\s+)+//;
        $request = [$request];
    }

    my @list;

    for my $i (0 .. $#$request) {
        my $packets = $request->[$i];
        my @parts = map { ref $_ ? $_ : {value => $_} }
                    ref $packets ? @$packets : $packets;

        push @list, split_packets(headers($block, $i), @parts);
    }

    return @list;
}


# --- more_headers for the i-th request as (text, chunked).

sub headers {
    my ($block, $i) = @_;

    my $more = $block->more_headers;

    if (ref $more) {
        die "more_headers lacks an entry for request $i\n"
            unless defined $more->[$i];
        $more = $more->[$i];
    }

    return join '', map {
        my ($name, $value) = split /:\s*/, $_, 2;
        "$name: " . ($value // '') . "\r\n";
    } grep { !/^\s*#/ } split /\n+/, $more // '';
}


# Request line and body to a whole request.  A list gets its head, its body
# and where the body began in the text.

sub complete {
    my ($text, $more, $connection) = @_;

    my ($before, $line, $body) = $text =~ /\A((\s*[^\n]*)\n?)(.*)\z/s;
    my ($method, $uri, $version, $junk) = split ' ', $line;

    die "bad request line \"$line\"\n" if !defined $method || defined $junk;

    $uri //= '/';
    $version //= 'HTTP/1.1';

    my $head = "$method $uri $version\r\n";
    $head .= 'Host: ' . server_name() . "\r\n" if $more !~ /^Host:/mi;
    $head .= "Connection: $connection\r\n" if $more !~ /^Connection:/mi;
    $head .= $more;

    if (length $body && $more !~ /^Content-Length:/mi
        && $more !~ /^Transfer-Encoding: chunked\r$/mi)
    {
        $before .= $1 if $body =~ s/\A(\s+)//;
        $body =~ s/\s+\z//;
        $head .= 'Content-Length: ' . length($body) . "\r\n";
    }

    return "$head\r\n$body" unless wantarray;
    return ("$head\r\n", $body, length $before);
}


# A request given as packets: the body is cut where the packets were.

sub split_packets {
    my ($more, @parts) = @_;

    my $text = join '', map { $_->{value} } @parts;
    my ($head, $body, $before) = complete($text, $more, 'close');
    my @packets;
    my $seen = 0;
    my $sent = 0;

    for my $part (@parts) {
        $seen += length $part->{value};

        my $upto = $seen - $before;
        $upto = 0 if $upto < 0;
        $upto = length $body if $upto > length $body || $part == $parts[-1];

        my $value = substr $body, $sent, $upto - $sent;
        $value = $head . $value if !@packets;
        $sent = $upto;
        push @packets, {%$part, value => $value};
    }

    return \@packets;
}


1;
