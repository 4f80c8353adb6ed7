package Bench::Server;

# The servers that are measured: nginx with the module, with nchan, or bare,
# and the one in node.  Each is started for a row or a run, and stopped.

use strict;
use warnings;

use File::Path qw(make_path remove_tree);
use IO::Socket::INET ();
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);
use Bench ();
use Bench::Store ();

my $nchan = '/usr/lib/nginx/modules/ngx_nchan_module.so';
my %started;


sub free_ports {
    my ($n) = @_;

    my @sockets = map {
        IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
            or die "no free port: $!\n"
    } 1 .. $n;

    return map { $_->sockport } @sockets;
}

sub wait_until {
    my ($seconds, $what, $check) = @_;

    my $end = time + $seconds;

    until ($check->()) {
        die "$what: not within $seconds seconds\n" if time > $end;
        sleep 0.05;
    }
}


# Redis, over TCP, for everybody.

sub redis {
    my ($class, $bench) = @_;

    my ($port) = free_ports(1);
    my $dir = $bench->dir . '/redis';
    my $tool = $bench->top . '/t/lib/redis';

    system("$tool stop $dir; $tool start $dir --port $port --bind 127.0.0.1 "
           . '> /dev/null') == 0 or die "Redis does not start\n";
    chomp(my $pid = `$tool pid $dir`);

    return keep(bless {name => 'redis', port => $port, pid => $pid,
                       stop => sub { system($tool, 'stop', $dir) }}, $class);
}


# nginx(bench, name, option...): kind (chat, nchan, nchan-redis or bare),
# workers, redis (the server), conninfo, connections, main, more (of the http
# block), listen (of its line), module, under (a command), foreground, patience.

sub nginx {
    my ($class, $bench, $name, %opt) = @_;

    my $root = $bench->dir . "/$name";
    my $peers = $bench->top . '/t/bench/peers';
    my ($port, $tls, $h2) = free_ports(3);

    remove_tree($root);
    make_path($root);

    my %set = (
        ROOT => $root, PORT => $port, TLS => $tls, HTTP_TWO => $h2,
        CERT => cert($bench),
        USER => $> == 0 ? 'user root;' : '', MAIN => $opt{main} // '', MORE => $opt{more} // '',
        LISTEN => $opt{listen} // '',
        WORKERS => $opt{workers} // 2,
        CONNECTIONS => $opt{connections} // 19000,
        MULTI => 'off', LOG => $opt{log} // 'error',
        CONNINFO => $opt{conninfo} // '',
        REDIS_PORT => $opt{redis} ? $opt{redis}{port} : 0,
        REDIS => $opt{redis} ? "chat_redis     redis://127.0.0.1:"
                               . "$opt{redis}{port};" : '',
        MODULE => $opt{kind} eq 'chat' ? "load_module " . ($opt{module} // $bench->{module})
                                      . ';'
                : $opt{kind} =~ /^nchan/ ? "load_module $nchan;" : '',
    );

    for my $part ('http', 'server') {
        my $file = "$peers/$opt{kind}.$part";
        $set{uc $part} = -f $file ? Bench::read_file($file) : '';
    }

    # a part may have variables of its own
    for my $file ('common.conf', 'main.conf') {
        my $text = Bench::read_file("$peers/$file");
        $text =~ s/\@([A-Z_]+)\@/$set{$1} \/\/ die "\@$1\@"/ge for 1, 2;
        Bench::write_file("$root/$file", $text);
    }

    if ($opt{kind} eq 'chat') {
        Bench::write_file("$root/chat.keys", Bench::Store::key_file());
        chmod 0600, "$root/chat.keys";
    }

    my $self = bless {name => $name, root => $root, port => $port,
                      tls => $tls, h2 => $h2, workers => $set{WORKERS}},
                     $class;
    my @run = (@{$opt{under} // []}, $bench->{nginx}, '-p', "$root/", '-e',
               "$root/error.log", '-c', "$root/main.conf");

    if ($opt{foreground}) {
        $self->{pid} = fork // die "fork: $!\n";

        if ($self->{pid} == 0) {
            open STDOUT, '>', "$root/out.log";
            open STDERR, '>&', \*STDOUT;
            setpgrp;
            exec @run;
            exit 127;
        }

        $self->{child} = 1;

    } else {
        system(@run) == 0 or die "nginx does not start, see $root\n";
        wait_until(10, "$name has a pid", sub { -s "$root/nginx.pid" });
        chomp($self->{pid} = Bench::read_file("$root/nginx.pid"));
    }

    $self->{stop} = sub {
        kill 'TERM', $self->{pid};

        if ($self->{child}) {
            waitpid $self->{pid}, 0;

        } else {
            wait_until(30, "$name stops", sub { !kill 0, $self->{pid} });
        }
    };

    keep($self);

    if ($opt{kind} eq 'chat') {
        wait_until($opt{patience} // 30, "$name is ready", sub {
            my $status = $self->get('/status') // '';
            my $n = $self->{workers};

            die "$name has ended, see $root\n"
                if $self->{child} && waitpid($self->{pid}, WNOHANG);

            $status =~ /^chat_pg_ready $n$/m
                && $status =~ /^chat_bus_ready $n$/m;
        });

    } else {
        wait_until(10, "$name listens", sub { defined $self->get('/') });
    }

    return $self;
}


sub node {
    my ($class, $bench, %opt) = @_;

    my $dir = $bench->dir . '/node';
    my ($port) = free_ports(1);
    my ($host) = $opt{conninfo} =~ /host=(\S+)/;
    my ($database) = $opt{conninfo} =~ /dbname=(\S+)/;
    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        %ENV = (%ENV, PORT => $port, PGHOST => $host, PGUSER => 'chat',
                PGDATABASE => $database, REDIS_PORT => $opt{redis}{port},
                NODE_ENV => 'production');
        open STDOUT, '>', "$dir/log";
        open STDERR, '>&', \*STDOUT;
        # what a terminal interrupts is the benchmark, which stops it
        setpgrp;
        exec 'node', "$dir/server.js";
        exit 127;
    }

    my $self = bless {name => 'node', port => $port, pid => $pid}, $class;

    $self->{stop} = sub { kill 'TERM', $pid; waitpid $pid, 0 };
    keep($self);

    wait_until(20, 'node listens', sub { defined $self->get('/') });

    return $self;
}


# Where node's packages are: outside of the sources.

sub install_node {
    my ($bench) = @_;

    my $from = $bench->top . '/t/bench/node';
    my $dir = $bench->dir . '/node';
    my $lock = Bench::read_file("$from/package-lock.json");

    make_path($dir);
    Bench::write_file("$dir/server.js",
                      Bench::read_file("$from/server.js"));

    return if -f "$dir/installed"
              && Bench::read_file("$dir/installed") eq $lock;

    $bench->progress('installing the packages of the server in node');
    Bench::write_file("$dir/$_", Bench::read_file("$from/$_"))
        for 'package.json', 'package-lock.json';
    system("cd $dir && npm ci --no-audit --no-fund > npm.log 2>&1 "
           . '< /dev/null') == 0 or die "npm ci failed, see $dir/npm.log\n";
    Bench::write_file("$dir/installed", $lock);
}


sub cert {
    my ($bench) = @_;

    my $file = $bench->dir . '/cert.pem';

    if (!-f $file) {
        system("openssl req -x509 -newkey ec -pkeyopt "
               . "ec_paramgen_curve:P-256 -nodes -days 3650 -subj "
               . "/CN=localhost -keyout $file.key -out $file.crt 2>/dev/null "
               . "&& cat $file.key $file.crt > $file") == 0
            or die "cannot make a certificate\n";
    }

    return $file;
}


# The body of an answer, or undef.

sub get {
    my ($self, $path) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $self->{port},
                                       Timeout => 5) or return undef;

    print $socket "GET $path HTTP/1.0\r\nHost: localhost\r\n\r\n";
    local $/;
    my $answer = <$socket> // '';

    return $answer =~ /\r\n\r\n(.*)/s ? $1 : undef;
}


# Bytes of memory of all of its processes, what they share counted once.

sub memory {
    my ($self) = @_;

    my $kb = 0;

    for my $pid ($self->{pid}, split ' ', `pgrep -P $self->{pid}`) {
        $kb += $1 if Bench::read_file("/proc/$pid/smaps_rollup")
                     =~ /^Pss: +(\d+)/m;
    }

    return 1024 * $kb;
}


# A counter of the module: get('/status'), summed over what the name begins.

sub counter {
    my ($self, $name) = @_;

    my $status = $self->get('/status') // '';
    my $sum = 0;

    $sum += $1 while $status =~ /^\Q$name\E(?:\{[^}]*\})? (\S+)/mg;

    return $sum;
}


sub keep {
    my ($self) = @_;

    $started{$self} = $self;
    return $self;
}

sub stop {
    my ($self) = @_;

    my $stop = delete $self->{stop} or return;

    delete $started{$self};
    $stop->();
}

sub stop_all { eval { $_->stop; 1 } or warn $@ for values %started }


1;
