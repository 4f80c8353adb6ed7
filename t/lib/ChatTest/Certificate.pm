package ChatTest::Certificate;

# A certificate for "localhost" that signs itself, made by openssl.

use strict;
use warnings;

use ChatTest ();


sub new {
    my ($class, $name) = @_;

    my $dir = ChatTest::build_dir($name);
    my $self = bless {path => "$dir/certificate.pem",
                      key => "$dir/certificate.key"}, $class;

    my $output = `openssl req -x509 -newkey ec \\
        -pkeyopt ec_paramgen_curve:prime256v1 -nodes -batch -days 2 \\
        -subj /CN=localhost -addext subjectAltName=DNS:localhost \\
        -keyout '$self->{key}' -out '$self->{path}' 2>&1`;

    die "openssl: $output\n" if $?;

    return $self;
}


sub path { $_[0]{path} }


# For the http block.

sub directives {
    my ($self) = @_;

    return "ssl_certificate $self->{path};
            ssl_certificate_key $self->{key};";
}


1;
