package HTTPResponse;

# One HTTP/1 response taken out of the bytes of a connection.  Used by the
# runner of t/*.t and by the client of the flow tests.

use strict;
use warnings;


# Parses the response at the start of $bytes.  Returns (response, rest of the
# bytes), or nothing while the response is incomplete.  "head" says that the
# request was HEAD, "eof" that no more bytes will come: then a short body is
# taken as it is and marked "truncated".  An interim 1xx is skipped, but 101.

sub parse {
    my ($class, $bytes, %opt) = @_;

    my ($raw, $status, $reason, $body, $rest, $truncated);

    for ( ;; ) {
        return unless $bytes =~ s/\A(.*?\r\n)\r\n//s;
        $raw = $1;
        return unless $raw =~ m{\AHTTP/1\.[01] (\d{3})(?: ([^\r\n]*))?\r\n};
        ($status, $reason) = ($1, $2 // '');
        last if $status == 101 || $status >= 200;
    }

    my $self = bless {
        status => $status, reason => $reason, raw_headers => $raw,
        headers => [], body => '', truncated => 0,
    }, $class;

    my ($line, @fields) = split /\r\n/, $raw;
    for (@fields) {
        my ($name, $value) = split /:[ \t]*/, $_, 2;
        push @{$self->{headers}}, [$name, $value // ''];
    }

    if ($opt{head} || $status == 101 || $status == 204 || $status == 304) {
        return ($self, $bytes);
    }

    if (lc($self->header('Transfer-Encoding') // '') eq 'chunked') {
        ($body, $rest) = _dechunk($bytes);

    } elsif (defined(my $length = $self->header('Content-Length'))) {
        if (length $bytes >= $length) {
            ($body, $rest) = (substr($bytes, 0, $length),
                              substr($bytes, $length));
        }

    } elsif ($opt{eof}) {
        ($body, $rest) = ($bytes, '');
    }

    if (!defined $body) {
        return unless $opt{eof};
        ($body, $rest, $self->{truncated}) = ($bytes, '', 1);
    }

    $self->{body} = $body;

    return ($self, $rest);
}


sub _dechunk {
    my ($bytes) = @_;
    my $body = '';

    while ($bytes =~ /\G([0-9A-Fa-f]+)[^\r\n]*\r\n/gc) {
        my $size = hex $1;

        if ($size == 0) {
            return unless $bytes =~ /\G(?:[^\r\n]+\r\n)*\r\n/gc;
            return ($body, substr($bytes, pos $bytes));
        }

        my $at = pos $bytes;
        return if length $bytes < $at + $size + 2;
        return if substr($bytes, $at + $size, 2) ne "\r\n";
        $body .= substr($bytes, $at, $size);
        pos($bytes) = $at + $size + 2;
    }

    return;
}


# The value of a header, several of one name joined with ", "; undef if absent.

sub header {
    my ($self, $name) = @_;

    my @values = map { $_->[1] }
                 grep { lc $_->[0] eq lc $name } @{$self->{headers}};

    return @values ? join(', ', @values) : undef;
}


sub headers_of {
    my ($self, $name) = @_;

    return map { $_->[1] }
           grep { lc $_->[0] eq lc $name } @{$self->{headers}};
}


sub status { $_[0]{status} }
sub body { $_[0]{body} }
sub raw_headers { $_[0]{raw_headers} }
sub truncated { $_[0]{truncated} }


1;
