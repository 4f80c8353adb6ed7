package ChatTest::Postgres;

# A PostgreSQL of one test, which may stop, kill and freeze it.

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Path qw(remove_tree);
use ChatTest ();


# new(name, setting...): the directory is named after the script and it.  The
# cluster is a new one, since a schema of another version would stay.

sub new {
    my ($class, $name, @settings) = @_;

    my ($script) = $0 =~ m{([^/]+?)(?:\.t)?\z};
    my $self = bless {
        dir => ChatTest::build_dir("$script-$name"),
        tool => dirname(__FILE__) . '/../cluster',
        settings => \@settings,
        pid => $$,
    }, $class;

    $self->run('stop', $self->{dir}, 'immediate');
    remove_tree($self->{dir});

    return $self;
}


sub run {
    my ($self, @args) = @_;

    open my $in, '-|', $self->{tool}, @args or die "cluster: $!\n";
    my $out = do { local $/; <$in> } // '';
    close $in or die "cluster @args failed\n";
    chomp $out;

    return $out;
}


# Returns the conninfo.

sub start {
    my ($self) = @_;

    $self->{running} = 1;
    return $self->{conninfo}
        = $self->run('start', $self->{dir}, @{$self->{settings}});
}


sub conninfo { $_[0]{conninfo} // $_[0]->run('conninfo', $_[0]{dir}) }


# A standby of this one, started: a cluster of its own, with this one's data.

sub standby {
    my ($self, $name) = @_;

    my $standby = (ref $self)->new($name, @{$self->{settings}});
    my $from = $self->conninfo =~ s/dbname=\S+ user=\S+/user=postgres/r;
    my $data = "$self->{dir}/data";

    open my $out, '>>', "$data/pg_hba.conf" or die "$data: $!\n";
    print $out "local replication all peer map=private\n";
    close $out;
    ChatTest::psql('SELECT pg_reload_conf()',
                   $self->conninfo =~ s/user=chat/user=postgres/r);

    ChatTest::build_dir();
    mkdir $standby->{dir};
    $standby->run('copy', $standby->{dir}, $from);
    $standby->start;

    return $standby;
}


sub stop {
    my ($self, $mode) = @_;

    $self->thaw;
    $self->{running} = 0;
    $self->run('stop', $self->{dir}, $mode // 'fast');
}


# Sends a signal to the postmaster and to all its children.

sub signal {
    my ($self, $signal) = @_;

    my $pid = $self->run('pid', $self->{dir});
    my @children = split ' ', `ps -o pid= --ppid $pid`;

    kill $signal, $pid, @children;
}


sub freeze { $_[0]{frozen} = 1; $_[0]->signal('STOP') }
sub thaw { $_[0]->signal('CONT') if delete $_[0]{frozen} }
sub kill9 { $_[0]{running} = 0; $_[0]->signal('KILL') }


sub DESTROY {
    my ($self) = @_;

    return if $$ != $self->{pid} || !$self->{running};

    local ($@, $?);
    eval { $self->stop('immediate') };
}


1;
