package ChatTest::Nginx;

# An nginx of a flow test: several workers, signals, reload.

use strict;
use warnings;

use File::Path qw(remove_tree make_path);
use IO::Socket::INET ();
use Time::HiRes qw(sleep time);
use ChatTest ();
use ChatTest::Client ();

my $count = 0;


# Options: workers, postgres (conninfo), name, main, http, server (text for
# these blocks), location (text in /support/), ready (0: do not wait for
# PostgreSQL), log (level), limit (words of chat_limit), connections (of a
# worker), modules (to load), chat ("on" or a half); or text, a sub that is given the object and
# returns the whole configuration.

sub new {
    my ($class, %opt) = @_;

    my ($script) = $0 =~ m{([^/]+?)(?:\.t)?\z};
    my $root = ChatTest::build_dir(
        "$script-" . ($opt{name} // 'nginx' . ++$count));

    remove_tree($root);
    make_path(map { "$root/$_" } qw(conf html logs));

    return bless {
        root => $root, port => free_port(), pid => $$, workers => 2,
        ready => 1, log => 'info', chat => 'on', limit => 'off', main => '',
        http => '', server => '', location => '', connections => 1024, %opt,
    }, $class;
}


sub free_port {
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
        or die "no free port: $!\n";

    return $socket->sockport;
}


sub port { $_[0]{port} }
sub root { $_[0]{root} }


sub client {
    my ($self, %opt) = @_;

    return ChatTest::Client->new(port => $self->{port}, %opt);
}


# A client whose connection is held by that worker.

sub on {
    my ($self, $worker, %who) = @_;

    my @others;
    my $client = ChatTest::wait_until {
        my $one = $self->client(%who, keepalive => 1);
        my $pid = $one->get('/support/v1/live')->header('X-Worker');

        return $one if $pid == $worker;

        # held, so that the next one is for another worker
        push @others, $one;
        return;
    };

    return $client // die "no connection to worker $worker\n";
}


sub configuration {
    my ($self) = @_;

    return $self->{text}->($self) if $self->{text};

    my $root = $self->{root};
    my $postgres = $self->{postgres} // ChatTest::postgres();
    my $load = join '', map { "load_module $_;\n" }
                        split ' ', $self->{modules}
                        // $ENV{TEST_NGINX_LOAD_MODULES} // '';
    my $user = $> == 0 ? 'user root;' : '';
    my $temp = join '', map { "    ${_}_temp_path $root/${_}_temp;\n" }
                        qw(client_body proxy fastcgi scgi uwsgi);

    return <<"_CONF_";
worker_processes $self->{workers};
daemon on;
error_log $root/logs/error.log $self->{log};
pid $root/logs/nginx.pid;
$user
env ASAN_OPTIONS;
env UBSAN_OPTIONS;
env LSAN_OPTIONS;
${load}worker_shutdown_timeout 30s;
$self->{main}

events {
    worker_connections $self->{connections};
}

http {
    access_log $root/logs/access.log;
$temp
    default_type text/plain;

    chat_postgres "$postgres";
    chat_key $ENV{TEST_NGINX_KEYS};
    chat_site $ENV{TEST_NGINX_SITE};
    chat_limit $self->{limit};
    add_header X-Worker \$pid always;
$self->{http}

    server {
        listen 127.0.0.1:$self->{port};
        server_name localhost;

        location /support/ {
            chat $self->{chat};
$self->{location}
        }

        location = /status {
            chat_status;
        }
$self->{server}
    }
}
_CONF_
}


sub write_configuration {
    my ($self) = @_;

    my $path = "$self->{root}/conf/nginx.conf";

    open my $out, '>', $path or die "cannot write $path: $!\n";
    print $out $self->configuration;
    close $out;

    return $path;
}


sub start {
    my ($self) = @_;

    my $path = $self->write_configuration;
    my @command = ($ENV{TEST_NGINX_BINARY} || 'nginx', '-p',
                   "$self->{root}/", '-e', "$self->{root}/logs/error.log",
                   '-c', $path);

    system(@command) == 0 or die "nginx did not start: @command\n";

    ChatTest::wait_until { $self->master }
        or die "nginx wrote no pid file\n";
    $self->{running} = 1;
    $self->wait_ready if $self->{ready};

    return $self;
}


# nginx -t: its exit code and what it prints.

sub check {
    my ($self) = @_;

    my $path = $self->write_configuration;
    my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
    my $output = `$binary -t -p $self->{root}/ -c $path 2>&1`;

    return ($? >> 8, $output);
}


# Until every worker has its connection to PostgreSQL.

sub wait_ready {
    my ($self, $seconds) = @_;

    my %ready;

    ChatTest::wait_until {
        my $answer = eval { $self->client->get('/support/v1/ready') };
        my @workers = $self->worker_pids;
        my $worker = $answer && $answer->header('X-Worker') // $workers[0];

        $ready{$worker} = 1 if $answer && $answer->status == 200;
        return @workers == $self->{workers}
               && !grep { !$ready{$_} } @workers;
    } $seconds // 60 or die "nginx is not ready:\n" . $self->tail;
}


sub master {
    my ($self) = @_;

    open my $in, '<', "$self->{root}/logs/nginx.pid" or return;
    my $pid = <$in> // '';

    return $pid =~ /^(\d+)\n/ && alive($1) ? $1 : undef;
}


sub alive {
    my ($pid) = @_;

    open my $in, '<', "/proc/$pid/stat" or return 0;
    my $stat = <$in> // '';

    return $stat =~ /\) [^ZX] / ? 1 : 0;
}


# The workers that take connections, and with "all" also those that drain.

sub worker_pids {
    my ($self, $all) = @_;

    my $master = $self->master or return;
    my @pids;

    for (split /\n/, `ps -o pid=,args= --ppid $master`) {
        next unless /^\s*(\d+)\s+nginx: worker process( is shutting down)?/;
        push @pids, $1 if $all || !$2;
    }

    return @pids;
}


sub signal {
    my ($self, $signal) = @_;

    kill $signal, $self->master // die "nginx is gone\n";
}


# Reloads and waits until all workers are new ones; returns the old pids.

sub reload {
    my ($self) = @_;

    my %old = map { $_ => 1 } $self->worker_pids('all');

    $self->write_configuration;
    $self->signal('HUP');

    ChatTest::wait_until {
        my @now = $self->worker_pids;
        @now == $self->{workers} && !grep { $old{$_} } @now;
    } 30 or die "no new workers:\n" . $self->tail;

    return keys %old;
}


sub stop {
    my ($self, $signal) = @_;

    my $pid = $self->master;
    $self->{running} = 0;
    return $self unless $pid;

    kill $signal // 'QUIT', $pid;

    if (!ChatTest::wait_until { !alive($pid) } 40) {
        kill 'KILL', $pid, $self->worker_pids('all');
        die "nginx $pid did not exit:\n" . $self->tail;
    }

    return $self;
}


sub log_lines {
    my ($self, $name) = @_;

    $name //= 'error';

    open my $in, '<', "$self->{root}/logs/$name.log" or return;
    return <$in>;
}

sub access_lines { return $_[0]->log_lines('access') }


# Lines that must not be there whatever happened: crashes, leaks, alerts.

sub alarms {
    my ($self, $except) = @_;

    return grep {
        /\[(?:alert|emerg)\]|exited on signal|Sanitizer|: runtime error: /
        && !(defined $except && /$except/)
    } $self->log_lines;
}


sub tail {
    my ($self) = @_;

    my @lines = $self->log_lines;
    return join '', @lines > 20 ? @lines[-20 .. -1] : @lines;
}


sub DESTROY {
    my ($self) = @_;

    return if $$ != $self->{pid} || !$self->{running};

    local ($@, $?);
    eval { $self->stop('TERM') };
}


1;
