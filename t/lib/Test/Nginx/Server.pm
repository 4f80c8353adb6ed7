package Test::Nginx::Server;

# The nginx under test: its directory, its configuration, its life, its logs.

use strict;
use warnings;

use Exporter 'import';
use File::Path qw(make_path remove_tree);
use File::Spec ();
use IO::Socket::INET ();
use POSIX ();
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(
    workers worker_connections master_on master_off log_level config_preamble
    no_root_location server_name server_addr server_port
    server_port_for_client server_root html_dir env_to_nginx expand
    write_files start stop running read_log rewind_log is_running
);

my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $root = File::Spec->rel2abs($ENV{TEST_NGINX_SERVROOT}
                               || 'build/t/servroot');
my $port = $ENV{TEST_NGINX_SERVER_PORT} || $ENV{TEST_NGINX_PORT};
my $client_port = $ENV{TEST_NGINX_CLIENT_PORT};
my $addr = '127.0.0.1';
my $name = 'localhost';
my $workers = 1;
my $connections = 64;
my $master = $ENV{TEST_NGINX_MASTER_PROCESS} || 'on';
my $level = $ENV{TEST_NGINX_LOG_LEVEL} || 'debug';
my $preamble = '';
my $root_location = 1;
my $log_position = 0;
my @env;
my %rand_ports;

$port ||= free_port();
$client_port ||= $port;
$ENV{TEST_NGINX_SERVER_PORT} = $port;
$ENV{TEST_NGINX_SERVER_ROOT} = $root;


sub workers(@) { $workers = $_[0] if @_; return $workers }
sub worker_connections(@) { $connections = $_[0] if @_; return $connections }
sub log_level(@) { $level = $_[0] if @_; return $level }
sub server_name(@) { $name = $_[0] if @_; return $name }
sub server_addr(@) { $addr = $_[0] if @_; return $addr }
sub server_port(@) { $port = $_[0] if @_; return $port }
sub master_on() { $master = 'on' }
sub master_off() { $master = 'off' }
sub no_root_location() { $root_location = 0 }
sub config_preamble($) { $preamble = $_[0] }
sub env_to_nginx(@) { push @env, @_ }
sub server_root() { $root }
sub html_dir() { "$root/html" }

sub server_port_for_client(@) {
    $client_port = $_[0] if @_;
    return $client_port;
}


sub free_port {
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
        or die "no free port: $!\n";

    return $socket->sockport;
}


# Replaces $TEST_NGINX_* by the environment, $TEST_NGINX_RAND_PORT_<n> by a
# free port that stays the same within the block.

sub expand {
    my ($text) = @_;

    return '' unless defined $text;

    $text =~ s{\$(TEST_NGINX_[_A-Z0-9]+)}{
        my $variable = $1;

        if ($variable =~ /^TEST_NGINX_RAND_PORT_\d+$/) {
            $rand_ports{$variable} //= free_port();

        } else {
            $ENV{$variable} // die "no environment $variable defined\n";
        }
    }ge;

    return $text;
}


sub write_file {
    my ($path, $content) = @_;

    my ($dir) = $path =~ m{(.*)/};
    make_path($dir) if defined $dir && !-d $dir;

    open my $out, '>', $path or die "cannot write $path: $!\n";
    binmode $out;
    print $out $content;
    close $out or die "cannot write $path: $!\n";
}


# user_files is text with ">>> name [date]" lines or [[name, content, date]].

sub write_files {
    my ($files) = @_;

    return unless defined $files && length $files;

    if (!ref $files) {
        my (undef, @parts) = split /^>>> (\S+)[ \t]*([^\n]*)\n/m, $files;
        my @list;

        while (@parts) {
            my ($file, $date, $content) = splice @parts, 0, 3;
            push @list, [$file, $content, $date];
        }

        $files = \@list;
    }

    for (@$files) {
        my ($file, $content, $date) = @$_;
        my $path = $file =~ m{^/} ? $file : html_dir() . "/$file";

        write_file($path, expand($content));

        if ($date) {
            local $ENV{TZ} = 'GMT';
            system('touch', '-t', $date, $path) == 0
                or die "cannot set the time of $path\n";
        }
    }
}


sub make_root {
    remove_tree(map { "$root/$_" } qw(conf html logs cache));
    remove_tree(glob "$root/*_temp");
    make_path(map { "$root/$_" } qw(conf html logs));
    write_file(html_dir() . '/index.html',
               '<html><head><title>It works!</title></head>'
               . '<body>It works!</body></html>');
}


sub configuration {
    my ($block) = @_;

    my $load = join '', map { "load_module $_;\n" }
                        split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';
    my $env = join '', map { /\s/ ? "env '$_';\n" : "env $_;\n" }
                       @env, 'ASAN_OPTIONS', 'UBSAN_OPTIONS', 'LSAN_OPTIONS',
                       'LD_PRELOAD', 'LD_LIBRARY_PATH';
    my ($main, $http, $config, $post)
        = map { expand(scalar $block->$_) }
          qw(main_config http_config config post_main_config);
    my $server = $block->server_name // $name;
    my $log_level = $block->log_level // $level;
    my $user = $> == 0 ? 'user '
               . ($ENV{TEST_NGINX_WORKER_USER} || 'root') . ';' : '';
    my $temp = join '', map {
        $http =~ /\b${_}_temp_path\b/ ? ''
        : "    ${_}_temp_path $root/${_}_temp;\n"
    } qw(client_body proxy fastcgi scgi uwsgi);
    my $default = $root_location
        ? "        location / {\n            root $root/html;\n"
          . "            index index.html index.htm;\n        }\n"
        : '';

    return <<"_CONF_";
worker_processes $workers;
daemon on;
master_process $master;
error_log $root/logs/error.log $log_level;
pid $root/logs/nginx.pid;
$user
$env
$load$main

http {
    access_log $root/logs/access.log;
$temp
    default_type text/plain;
    keepalive_timeout 68s;

$http

    server {
        listen $port;
        server_name '$server';
        client_max_body_size 30M;

$preamble
$config
$default
    }
}

$post

events {
    accept_mutex off;
    worker_connections $connections;
}
_CONF_
}


# Starts nginx for a block.  Returns its exit code, 0 when it is up.

sub start {
    my ($block) = @_;

    %rand_ports = ();
    make_root();
    write_files(scalar $block->user_files);
    write_file("$root/conf/nginx.conf", configuration($block));
    $log_position = 0;

    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null' if defined $block->suppress_stderr;
        exec { $binary } $binary, '-e', "$root/logs/error.log",
             '-p', "$root/", '-c', "$root/conf/nginx.conf"
            or POSIX::_exit(127);
    }

    waitpid $pid, 0;

    die "cannot execute $binary\n" if $? >> 8 == 127;
    die "nginx died of signal " . ($? & 127) . "\n" if $? & 127;

    if ($? == 0) {
        # nginx -g daemon returns before its child has written the pid file
        my $deadline = time + 5;
        sleep 0.01 while !running() && time < $deadline;
    }

    return $? >> 8;
}


# A process that has exited but has not been waited for does not run.

sub is_running {
    my ($pid) = @_;

    return 0 unless defined $pid && kill 0, $pid;

    open my $in, '<', "/proc/$pid/stat" or return kill 0, $pid;
    my $stat = <$in> // '';

    return $stat !~ /\) [ZX] /;
}


# The pid of our nginx, if it runs.

sub running {
    open my $in, '<', "$root/logs/nginx.pid" or return;
    my $pid = <$in>;
    close $in;

    return unless defined $pid && $pid =~ /^(\d+)\n/;
    return unless is_running($1);
    return $1;
}


# Stops our nginx with QUIT.  Returns a complaint if that was not enough.

sub stop {
    my ($pid) = running();

    return unless $pid;

    my $complaint;
    my @signals = ($ENV{TEST_NGINX_FAST_SHUTDOWN} ? () : 'QUIT', 'TERM',
                   'KILL');

    for my $signal (@signals) {
        kill $signal, $pid;

        my $deadline = time + ($signal eq 'QUIT' ? 15 : 5);
        while (is_running($pid) && time < $deadline) {
            sleep 0.02;
        }

        return $complaint unless is_running($pid);
        $complaint = "nginx $pid did not exit on $signal";
    }

    return $complaint;
}


# The lines of error.log since the last call; rewind_log() starts over.

sub read_log {
    open my $in, '<', "$root/logs/error.log" or return [];
    seek $in, $log_position, 0;

    my @lines = <$in>;

    # an unfinished line belongs to the next call
    pop @lines if @lines && $lines[-1] !~ /\n\z/;
    $log_position += length for @lines;
    close $in;

    return \@lines;
}


sub rewind_log { $log_position = $_[0] // 0 }


1;
