package Bench::Setup;

# The servers of a row: one PostgreSQL, one Redis, and what is asked for, each
# with a database of its own.

use strict;
use warnings;

use Bench::Load ();
use Bench::Server ();
use Bench::Store ();


# Options: conversations (in the databases of chat).

sub new {
    my ($class, $bench, %opt) = @_;

    my $self = bless {bench => $bench, %opt, servers => []}, $class;

    $bench->progress("$bench->{row}{name} starts PostgreSQL and Redis");
    $self->{store} = Bench::Store->new($bench)->start;
    $self->{redis} = Bench::Server->redis($bench);
    $bench->{setup} = $self;

    return $self;
}

sub redis { $_[0]{redis} }
sub store { $_[0]{store} }

sub add {
    my ($self, $server) = @_;

    push @{$self->{servers}}, $server;
    return $server;
}


# What a server is to the generator: kind, server, vars.

sub chat {
    my ($self, $carrier, %opt) = @_;

    my $name = "chat_$carrier" . ($opt{module} ? '_other' : '');
    my $vars = $self->{vars}{$name}
        //= $self->{store}->traffic($name, $self->{conversations});
    my $server = $self->add(Bench::Server->nginx($self->{bench}, $name,
        kind => 'chat', conninfo => $self->{store}->conninfo($name),
        redis => $carrier eq 'redis' ? $self->{redis} : undef, %opt));

    return {kind => 'chat', server => $server, vars => $vars,
            redis => $carrier eq 'redis', postgres => 1};
}

sub nchan {
    my ($self, $redis, %opt) = @_;

    my $kind = $redis ? 'nchan-redis' : 'nchan';

    return {kind => $kind, redis => $redis, server => $self->add(
        Bench::Server->nginx($self->{bench}, $kind, kind => $kind,
                             redis => $self->{redis}, %opt))};
}

sub bare {
    my ($self, %opt) = @_;

    return {kind => 'bare', server => $self->add(
        Bench::Server->nginx($self->{bench}, 'bare', kind => 'bare', %opt))};
}

sub node {
    my ($self) = @_;

    my $store = $self->{store};

    Bench::Server::install_node($self->{bench});
    $store->create('node', plain => 1);
    $store->sql('node', 'SET ROLE chat; ' . Bench::read_file(
        $self->{bench}->top . '/t/bench/node/schema.sql')
        . '; RESET ROLE; VACUUM ANALYZE');

    return {kind => 'node', redis => 1, postgres => 1, server => $self->add(
        Bench::Server->node($self->{bench}, redis => $self->{redis},
                            conninfo => $store->conninfo('node')))};
}


# A generator that watches this server and what it uses.

sub load {
    my ($self, $t) = @_;

    return Bench::Load->new($self->{bench}, server => $t->{server},
        $t->{postgres} ? (postgres => {pid => $self->{store}->pid}) : (),
        $t->{redis} ? (redis => $self->{redis}) : ());
}


# Cores used, by part.

sub cpu_columns {
    return (['server', 'watch.server.cpu'],
            ['PostgreSQL', 'watch.postgres.cpu'],
            ['Redis', 'watch.redis.cpu'], ['generator', 'cpu.generator'],
            ['us/delivery', 'watch.server.us_per_delivery']);
}

# Microseconds of all of the server's parts a message.

sub cpu_us {
    my ($result) = @_;

    my $sum = 0;

    $sum += $_->{us_per_publish} // 0 for values %{$result->{watch}};
    return $sum;
}


sub stop {
    my ($self) = @_;

    $_->stop for @{$self->{servers}};
    $self->{redis}->stop;
    $self->{store}->stop;
}


1;
