package ChatTest::Sql::Session;

# One connection, held by a psql.

use strict;
use warnings;

use IPC::Open3 qw(open3);
use Time::HiRes qw(time);

my $null = '~null~';
my $end = '~end~';


sub new {
    my ($class, $conninfo) = @_;

    my $pid = open3(my $in, my $out, undef, 'psql', '-XqAt', '-F', "\x1f",
                    '-P', "null=$null", '-v', 'VERBOSITY=sqlstate',
                    $conninfo);
    binmode $_ for $in, $out;
    $in->autoflush;

    my $self = bless {pid => $pid, in => $in, out => $out, buffer => '',
                      owner => $$}, $class;
    $self->{backend} = $self->value('SELECT pg_backend_pid()');

    return $self;
}


# Sends one statement without waiting for its result.

sub send {
    my ($self, $sql) = @_;

    print { $self->{in} } "$sql;\n\\echo $end\n";
    return $self;
}


# The rows of the statement that was sent, undef for null.  Dies with
# "sqlstate <code>" if it failed.

sub result {
    my ($self, $seconds) = @_;

    my $until = time + ($seconds // 30);
    my $at;

    while (($at = index $self->{buffer}, "$end\n") < 0) {
        my $bits = '';
        vec($bits, fileno $self->{out}, 1) = 1;

        die "no result in time\n"
            if select($bits, undef, undef, $until - time) <= 0;
        sysread $self->{out}, $self->{buffer}, 65536,
            length $self->{buffer} or die "psql ended: $self->{buffer}\n";
    }

    my @lines = split /\n/, substr $self->{buffer}, 0, $at;
    $self->{buffer} = substr $self->{buffer}, $at + length "$end\n";

    for (@lines) {
        die "sqlstate $1\n" if /^ERROR:\s+(\w{5})$/;
    }

    return map { [map { $_ eq $null ? undef : $_ } split /\x1f/, $_, -1] }
        @lines;
}


sub rows {
    my ($self, $sql) = @_;

    return $self->send($sql)->result;
}


sub value {
    my ($self, $sql) = @_;

    my ($row) = $self->rows($sql);
    return $row && $row->[0];
}


sub DESTROY {
    my ($self) = @_;

    return if $self->{owner} != $$;

    local $?;
    close $self->{in};
    close $self->{out};
    waitpid $self->{pid}, 0;
}

1;
