package ChatTest::Redis;

# A Redis of one test, which may stop, kill and freeze it.

use strict;
use warnings;

use File::Basename qw(dirname);
use IO::Socket::UNIX ();
use ChatTest ();


# new(name, option of redis-server...): the directory is named after the
# script and it.

sub new {
    my ($class, $name, @options) = @_;

    my ($script) = $0 =~ m{([^/]+?)(?:\.t)?\z};

    return bless {
        dir => ChatTest::build_dir("$script-$name"),
        tool => dirname(__FILE__) . '/../redis',
        options => \@options,
        pid => $$,
    }, $class;
}


sub run {
    my ($self, @args) = @_;

    open my $in, '-|', $self->{tool}, @args or die "redis: $!\n";
    my $out = do { local $/; <$in> } // '';
    close $in or die "redis @args failed\n";
    chomp $out;

    return $out;
}


# Returns the address, for "chat_redis".

sub start {
    my ($self) = @_;

    $self->{running} = 1;
    return $self->{address}
        = $self->run('start', $self->{dir}, @{$self->{options}});
}


sub stop {
    my ($self) = @_;

    $self->{running} = 0;
    $self->run('stop', $self->{dir});
}


sub signal {
    my ($self, $signal) = @_;

    kill $signal, $self->run('pid', $self->{dir});
}


sub freeze { $_[0]->signal('STOP') }
sub thaw { $_[0]->signal('CONT') }
sub kill9 { $_[0]{running} = 0; $_[0]->signal('KILL') }


# Says commands, one a line, and returns the lines of the answers to them.

sub say {
    my ($self, @commands) = @_;

    my ($path) = $self->{address} =~ /^unix:(.*)/;
    my $socket = IO::Socket::UNIX->new(Peer => $path)
        or die "redis: $path: $!\n";

    print $socket map { "$_\r\n" } @commands, 'QUIT';
    my @lines = <$socket>;
    s/\r\n\z// for @lines;
    pop @lines;

    return @lines;
}


sub DESTROY {
    my ($self) = @_;

    return if $$ != $self->{pid} || !$self->{running};

    local ($@, $?);
    eval { $self->stop };
}


1;
