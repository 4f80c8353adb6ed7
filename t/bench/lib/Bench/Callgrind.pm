package Bench::Callgrind;

# Instructions that nginx has executed in user space, by layer, as callgrind
# counts them.

use strict;
use warnings;

# of the names of the module's functions; the first that matches
my @layers = (
    ['transport', qr/^(?:ws|wsframe|sse|poll|stream)(?:_|$)/],
    ['feed', qr/^(?:feed|hub|topic|publish|event|sweep|presence|participant
                 |inbox|page)(?:_|$)/x],
    ['store', qr/^(?:store|append|batch|row|command)(?:_|$)/],
    ['pg', qr/^(?:pg|peer)(?:_|$)/],
    ['bus', qr/^(?:bus|redis)(?:_|$)/],
    ['edge', qr/./],
);


# The layers of a file of callgrind's: a hash of instructions.  What the
# compiler has put into another function counts there.

sub layers {
    my ($file) = @_;

    open my $in, '<', $file or die "cannot read $file: $!\n";

    my (%sum, $object, $source, $called);

    while (<$in>) {
        if (/^ob=(.*)/) {
            $object = $1;

        } elsif (/^fn=(.*)/) {
            $source = $1;

        } elsif (/^calls=/) {
            # the next line is what the called function has cost
            $called = 1;

        } elsif (/^[+\-*]?\d*\s+(\d+)/) {
            $sum{layer($object, $source)} += $1 unless $called;
            $called = 0;
        }
    }

    return \%sum;
}


sub layer {
    my ($object, $source) = @_;

    if ($object =~ /ngx_http_chat_module/) {
        return 'hiredis' unless $source =~ /^ngx_http_chat_(\w+)/;

        my $part = $1;
        my ($layer) = grep { $part =~ $_->[1] } @layers;

        return $layer ? $layer->[0] : 'edge';
    }

    return 'nginx' if $object =~ m{/nginx$};
    return $1 if $object =~ m{/(libpq|libjansson|libcrypto|libssl)\b};
    return 'libc';
}


1;
