package ChatTest::World;

# A PostgreSQL, a Redis and one or more nginx on them, with two sites: what
# faults strike.

use strict;
use warnings;

use Digest::SHA qw(sha256);
use ChatTest ();
use ChatTest::Nginx ();
use ChatTest::Postgres ();
use ChatTest::Proxy ();
use ChatTest::Redis ();
use File::Path qw(make_path);
use File::Temp qw(tempdir);


# Options: redis (0: PostgreSQL is the carrier), hosts (list of options of
# ChatTest::Nginx, one by default), settings (of PostgreSQL), conninfo (of a
# PostgreSQL that is not this one's to start), http, main, workers, address
# (of a Redis that is not this one's), limit (words of chat_limit), proxy (what
# there is a proxy before: "clients", "redis", "postgres"), prepare (a sub that
# is given the world before nginx is configured), disk (size of PostgreSQL's, as
# mount knows it; takes root).

sub new {
    my ($class, $name, %opt) = @_;

    my $self = bless {owner => $$, name => $name, redis => 1, workers => 2, http => '',
                      main => '', settings => [], proxy => '', limit => 'off',
                      %opt}, $class;
    my @hosts = @{$opt{hosts} // [{}]};

    $self->{root} = ChatTest::build_dir('faults', $name);
    $self->{hosts} = [];

    # durable: what is acknowledged must survive its being killed
    if (!$self->{conninfo}) {
        $self->{postgres} = ChatTest::Postgres->new("$name-postgres",
                                                    @{$self->{settings}});
        $self->mount if $self->{disk};
        $self->{conninfo} = $self->{postgres}->start;
    }

    if ($self->{redis}) {
        if (!$self->{address}) {
            $self->{redis} = ChatTest::Redis->new("$name-redis");
            $self->{address} = $self->{redis}->start;
        }

        $self->between_redis if $self->{proxy} eq 'redis';
        $self->{http} .= "chat_redis $self->{address};";
    }

    $self->between_postgres if $self->{proxy} eq 'postgres';
    $self->{prepare}->($self) if $self->{prepare};

    my $n = 0;

    for my $host (@hosts) {
        push @{$self->{hosts}}, $self->host($name . '-' . ++$n, %$host);
    }

    {
        local %ENV = (%ENV, %{$self->{env} // {}});
        $_->start for @{$self->{hosts}};
    }

    if ($self->{proxy} eq 'clients') {
        $self->{network} = ChatTest::Proxy->new(0, $self->nginx->port);
        $self->{targets} = [{port => $self->{network}->at + 0}];
    }

    return $self;
}


sub mount {
    my ($self) = @_;

    my $dir = $self->{postgres}{dir};

    make_path($dir);
    system('mount', '-t', 'tmpfs', '-o', "size=$self->{disk},mode=755",
           'tmpfs', $dir) == 0
        or die "a disk of its own cannot be mounted\n";
    $self->{mounted} = $dir;
}


# A path of a socket has to be short.

sub socket_dir {
    my $dir = tempdir('chat.XXXXXX', DIR => '/tmp', CLEANUP => 1);

    chmod 0755, $dir;
    return $dir;
}

sub between_redis {
    my ($self) = @_;

    my ($path) = $self->{address} =~ /^unix:(.*)/;

    $self->{network} = ChatTest::Proxy->new(socket_dir() . '/redis', $path);
    $self->{address} = 'unix:' . $self->{network}->at;
}

sub between_postgres {
    my ($self) = @_;

    my $dir = socket_dir();
    my ($real) = $self->{conninfo} =~ /host=(\S+)/;

    $self->{network} = ChatTest::Proxy->new("$dir/.s.PGSQL.5432",
                                            "$real/.s.PGSQL.5432");
    $self->{nginx_conninfo} = $self->{conninfo} =~ s/host=\S+/host=$dir/r;
}


sub host {
    my ($self, $name, %opt) = @_;

    my $site = $self->other_site;

    return ChatTest::Nginx->new(
        name => $name, workers => $self->{workers},
        postgres => $self->{nginx_conninfo} // $self->{conninfo},
        log => 'notice', main => $self->{main}, limit => $self->{limit},
        %opt,
        http => "chat_drain 2s; $self->{http}" . ($opt{http} // ''),
        server => "location /other/ { chat on; chat_site $site; }"
                  . ($opt{server} // ''));
}


sub conninfo { $_[0]{conninfo} }

# The same as a superuser.

sub admin { return $_[0]{conninfo} =~ s/user=chat/user=postgres/r }

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


# What is in use: memory (KB, each page once; without files, which other
# processes of the machine may share), shared memory of it, and descriptors of all nginx
# processes, without their connections to PostgreSQL, of which they have as
# many as they need up to a number; channels of Redis.

sub measure {
    my ($self) = @_;

    my %used = (descriptors => 0, memory => 0, shared => 0);

    for my $pid (map { ($_->master, $_->worker_pids('all')) }
                 @{$self->{hosts}})
    {
        $used{descriptors} += () = glob "/proc/$pid/fd/*";

        open my $in, '<', "/proc/$pid/smaps_rollup" or next;

        while (<$in>) {
            /^Pss_(?:Anon|Shmem):\s+(\d+)/ and $used{memory} += $1;
            /^Pss_Shmem:\s+(\d+)/ and $used{shared} += $1;
        }
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
# process, since what an allocator keeps is not lost, and of shared memory the
# pages of a worker that leaves); false if nothing.

sub grown {
    my ($self, $before, $after) = @_;

    my $slack = 1024 * (@{$self->{hosts}} + $self->workers);
    my $slots = 64 * $self->workers;

    # buckets of limits, and tables of streams: memory when they are used
    $slots += 1024 + 256 * $self->workers if $self->{limit} ne 'off';

    # of a Redis that is none there may have been no connections before
    my $redis = $self->{fake} ? 2 * $self->workers : 0;
    my @grown;

    for my $what (sort keys %$before) {
        my $most = $before->{$what} * 1.05
                   + ({memory => $slack, shared => $slots,
                       descriptors => $redis}->{$what} // 0);

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
    $self->{network}->stop if $self->{network};
    $self->{redis}->stop if ref $self->{redis} && $self->{redis}{running};
    $self->{postgres}->stop
        if $self->{postgres} && $self->{postgres}{running};
    $self->{standby}->stop if $self->{standby};
    $self->{fake}->stop if $self->{fake};
    system('umount', delete $self->{mounted}) if $self->{mounted};
}


sub DESTROY {
    my ($self) = @_;

    return if $self->{owner} != $$;

    local ($@, $?);
    eval { $self->stop };
}


1;
