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


# What a server is to the generator: kind, server, vars.  Options are those of
# the server; a second one beside the first is told apart by "as".

sub chat {
    my ($self, $carrier, %opt) = @_;

    my $name = "chat_$carrier"
               . ($opt{as} // ($opt{module} ? '_other' : ''));
    my $vars = $self->{vars}{$name}
        //= $self->{store}->traffic($name, $self->{conversations});
    my $server = $self->add(Bench::Server->nginx($self->{bench}, $name,
        kind => 'chat', conninfo => $self->{store}->conninfo($name),
        redis => $carrier eq 'redis' ? $self->{redis} : undef, %opt));

    return {kind => 'chat', server => $server, vars => $vars,
            redis => $carrier eq 'redis', postgres => 1, database => $name};
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

    return {kind => 'node', redis => 1, postgres => 1, database => 'node',
            server => $self->add(Bench::Server->node($self->{bench},
                redis => $self->{redis},
                conninfo => $store->conninfo('node')))};
}


# Makes a run, which is void unless everything that was acknowledged is in the
# database, once, and numbered without a gap.  Peers without one have nothing
# that could be looked at.

sub recorded {
    my ($self, $t, $run) = @_;

    return $run->() unless $t->{database};

    my @before = $self->record($t);
    my $r = $run->();
    my @after = $self->record($t);
    my $acked = $r->{pub}{acked} // 0;

    for my $i (0, 1) {
        my $n = $after[$i] - $before[$i];

        push @{$r->{void}}, "$acked acknowledged, $n "
                            . ('events', 'numbers')[$i] if $n != $acked;
    }

    return $r;
}

sub record {
    my ($self, $t) = @_;

    my @from = $t->{kind} eq 'chat' ? ('chat.event', 'chat.conversation')
                                    : ('message', 'conversation');

    return split /\|/, $self->{store}->sql($t->{database},
        "SELECT (SELECT count(*) FROM $from[0]), "
        . "(SELECT sum(last_seq) FROM $from[1])");
}


# A server without anything from before; that of the module keeps it, and its
# clients know what they have.

sub forget {
    my ($self, $t) = @_;

    if ($t->{kind} eq 'node') {
        $self->{store}->sql('node', 'TRUNCATE message; UPDATE conversation '
            . 'SET last_seq = 0 WHERE last_seq > 0');

    } elsif ($t->{kind} =~ /^nchan/) {
        $t->{server}->stop;
        %$t = %{$self->nchan($t->{redis})};
    }
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
            ['machine', 'cpu.machine'],
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
