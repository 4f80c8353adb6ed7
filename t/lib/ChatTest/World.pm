package ChatTest::World;

# A PostgreSQL, a Redis and one or more nginx on them, with two sites: what
# faults strike.

use strict;
use warnings;

use Digest::SHA qw(sha256);
use ChatTest ();
use ChatTest::Nginx ();
use ChatTest::Postgres ();
use ChatTest::Redis ();


# Options: redis (0: PostgreSQL is the carrier), hosts (list of options of
# ChatTest::Nginx, one by default), settings (of PostgreSQL), conninfo (of a
# PostgreSQL that is not this one's to start), http, main, workers, address
# (of a Redis that is not this one's).

sub new {
    my ($class, $name, %opt) = @_;

    my $self = bless {name => $name, redis => 1, workers => 2, http => '',
                      main => '', settings => [], hosts => [], %opt},
                     $class;
    my @hosts = @{$opt{hosts} // [{}]};

    $self->{root} = ChatTest::build_dir('faults', $name);
    $self->{hosts} = [];

    # durable: what is acknowledged must survive its being killed
    if (!$self->{conninfo}) {
        $self->{postgres} = ChatTest::Postgres->new("$name-postgres",
                                                    @{$self->{settings}});
        $self->{conninfo} = $self->{postgres}->start;
    }

    if ($self->{redis}) {
        if (!$self->{address}) {
            $self->{redis} = ChatTest::Redis->new("$name-redis");
            $self->{address} = $self->{redis}->start;
        }

        $self->{http} .= "chat_redis $self->{address};";
    }

    my $n = 0;

    for my $host (@hosts) {
        push @{$self->{hosts}}, $self->host($name . '-' . ++$n, %$host);
    }

    $_->start for @{$self->{hosts}};

    return $self;
}


sub host {
    my ($self, $name, %opt) = @_;

    my $site = $self->other_site;

    return ChatTest::Nginx->new(
        name => $name, workers => $self->{workers},
        postgres => $self->{conninfo}, log => 'notice',
        main => $self->{main}, %opt,
        http => "chat_drain 2s; $self->{http}" . ($opt{http} // ''),
        server => "location /other/ { chat on; chat_site $site; }"
                  . ($opt{server} // ''));
}


sub conninfo { $_[0]{conninfo} }
sub nginx { $_[0]{hosts}[0] }
sub other_site { ChatTest::site() . '-b' }

sub targets {
    my ($self) = @_;

    return $self->{targets}
        // [map { {port => $_->port + 0} } @{$self->{hosts}}];
}


sub workers {
    my ($self, $all) = @_;

    return map { $_->worker_pids($all) } @{$self->{hosts}};
}


sub ready { $_->wait_ready($_[1] // 60) for @{$_[0]{hosts}} }


# As load.mjs wants them.

sub sites {
    my ($self) = @_;

    my $visitors = $self->{visitors} // 9;

    return [
        {name => ChatTest::site(), prefix => '/support/',
         visitors => $visitors + 0,
         agents => [map { $self->agent(ChatTest::site(), $_) } 1, 2]},
        {name => $self->other_site, prefix => '/other/', visitors => 3,
         agents => [$self->agent($self->other_site, 1)]},
    ];
}


sub agent {
    my ($self, $site, $n) = @_;

    return $self->{agents}{"$site $n"} //= do {
        my $token = sha256("$site $n " . rand);
        my $hash = unpack 'H*', sha256($token);
        my $id = ChatTest::psql("SELECT chat.agent_put_1('$site',
            'fault-$n\@a.test', 'Agent $n', 'agent', 'none')",
            $self->{conninfo});

        ChatTest::psql("INSERT INTO chat.agent_session (id, site, agent,
            token_hash, expires_at, ends_at, created_at)
            SELECT gen_random_uuid(), a.site, a.id, '\\x$hash',
                now() + interval '12 hours', now() + interval '7 days', now()
            FROM chat.agent a WHERE a.id = '$id'", $self->{conninfo});

        {id => $id, token => ChatTest::base64url($token)};
    };
}


# What is in use: memory (KB, each page once) and descriptors of all nginx
# processes, without their connections to PostgreSQL, of which they have as
# many as they need up to a number; channels of Redis.

sub measure {
    my ($self) = @_;

    my %used = (descriptors => 0, memory => 0);

    for my $pid (map { ($_->master, $_->worker_pids('all')) }
                 @{$self->{hosts}})
    {
        $used{descriptors} += () = glob "/proc/$pid/fd/*";

        open my $in, '<', "/proc/$pid/smaps_rollup" or next;
        /^Pss:\s+(\d+)/ and $used{memory} += $1 while <$in>;
    }

    if (ref $self->{redis}) {
        my @lines = $self->{redis}->say('PUBSUB CHANNELS');
        $used{channels} = grep { /^chat:/ } @lines;
    }

    $used{descriptors} -= ChatTest::psql("SELECT count(*) FROM
        pg_stat_activity WHERE usename = 'chat' AND pid <> pg_backend_pid()",
        $self->{conninfo});

    return \%used;
}


# What has grown by more than 5 % (and, of memory, a megabyte for each
# process, since what an allocator keeps is not lost); false if nothing.

sub grown {
    my ($self, $before, $after) = @_;

    my $slack = 1024 * (@{$self->{hosts}} + $self->workers);
    my @grown;

    for my $what (sort keys %$before) {
        my $most = $before->{$what} * 1.05
                   + ($what eq 'memory' ? $slack : 0);

        push @grown, "$what: $before->{$what}, then $after->{$what}"
            if $after->{$what} > $most;
    }

    return @grown;
}


sub alarms {
    my ($self, $except) = @_;

    return map { $_->alarms($except) } @{$self->{hosts}};
}


sub clear_logs {
    my ($self) = @_;

    truncate "$_->{root}/logs/error.log", 0 for @{$self->{hosts}};
}


sub stop {
    my ($self) = @_;

    $_->stop for grep { $_->{running} } @{$self->{hosts}};
    $self->{redis}->stop if ref $self->{redis} && $self->{redis}{running};
    $self->{postgres}->stop
        if $self->{postgres} && $self->{postgres}{running};
}


1;
