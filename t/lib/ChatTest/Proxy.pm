package ChatTest::Proxy;

# A network that can be made a bad one: t/faults/proxy.mjs.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Handle ();
use IPC::Open2 qw(open2);
use ChatTest ();

my $script = abs_path(dirname(__FILE__) . '/../../faults/proxy.mjs');


# new(from, to): each the port or the path of a socket, from 0 is any port.

sub new {
    my ($class, $from, $to) = @_;

    my $self = bless {owner => $$}, $class;

    $self->{child} = open2($self->{out}, $self->{in}, 'node', $script, $from,
                           $to);
    $self->{in}->autoflush;

    my $line = readline $self->{out};

    ($self->{at}) = ($line // '') =~ /^ready (.*)/
        or die "the proxy does not start\n";

    return $self;
}


sub at { $_[0]{at} }


# As proxy.mjs describes them: "good", "slow 200 0.1", "hold", "lose 5".

sub be {
    my ($self, $mode) = @_;

    local $SIG{PIPE} = 'IGNORE';
    print {$self->{in}} "$mode\n";
    readline($self->{out}) // die "the proxy is gone\n";
}


# What it did.

sub stop {
    my ($self) = @_;

    return {} if !$self->{child};

    local $?;
    close $self->{in};
    my $line = readline $self->{out};
    waitpid delete $self->{child}, 0;

    return ChatTest::json_decode($line // '{}');
}


sub DESTROY {
    my ($self) = @_;

    return if $$ != $self->{owner};

    local ($@, $?);
    eval { $self->stop };
}


1;
