# The PostgreSQL engine alone, driven by a module of its own: what an
# operation's end says has to be true whatever happens to the server.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Socket::INET ();
use Test::More;
use Time::HiRes qw(sleep time);

use lib abs_path(dirname(__FILE__)) . '/lib';
use ChatTest;
use ChatTest::Client;
use ChatTest::Nginx;
use ChatTest::Postgres;

my $top = abs_path(dirname(__FILE__) . '/..');
my $unit = "$top/t/unit/pg_engine";

$ENV{LSAN_OPTIONS} //= "suppressions=$unit/leaks.supp:print_suppressions=0";

my $module = module();
my $postgres = ChatTest::Postgres->new('postgres', 'fsync=off');
my $conninfo = $postgres->start;

psql('DROP TABLE IF EXISTS child, item', $conninfo);


subtest 'operations fail one by one' => sub {
    my $nginx = Driver->new->start;

    is_deeply [$nginx->ops(qw(
            echo:hi divide:0 echo:there insert:one insert:one child:none
            count:one child:one repeat:300000 echo:null echo:end))],
        ['0 OK hi', '1 ERROR 22012', '2 OK there', '3 OK', '4 ERROR 23505',
         '5 ERROR 23503', '6 OK 1', '7 OK', '8 OK 300000 bytes', '9 OK',
         '10 OK end'],
        'an error leaves its neighbors alone, one at the commit too';

    my $state = $nginx->state;
    is $state->{errors}, 3, 'errors are counted';
    is $state->{pending}, 0, 'nothing is left';
    is $state->{connects}, 1, 'on one connection';

    my @errors = grep { /\[error\]/ } $nginx->log_lines;
    like $errors[0], qr/statement "divide" failed: division by zero \(22012\)/,
        'the first error is in the log';
    is @errors, 1, 'the others are only counted';
    $nginx->end;
};


subtest 'ten thousand operations' => sub {
    my $nginx = Driver->new(workers => 2, main => 'worker_rlimit_core 0;',
                            events => 'accept_mutex on;')->start;

    for my $window (1, 64, 500) {
        is $nginx->get("op=echo:abc&chain=10000&window=$window"),
            "ok:10000 error:0 busy:0 abort:0 refused:0\n",
            "$window at a time";
    }

    is $nginx->get('op=divide:0&chain=1000&window=100'),
        "ok:0 error:1000 busy:0 abort:0 refused:0\n", 'all failing';
    is $nginx->get('op=repeat:50000&chain=1000&window=64'),
        "ok:1000 error:0 busy:0 abort:0 refused:0\n", 'large results';
    $nginx->end;
};


subtest 'large parameters' => sub {
    my $nginx = Driver->new(max_inflight => 4)->start;
    my @answer = $nginx->ops(('echo:' . 'x' x 200) x 300);

    is scalar(grep { / OK 200 bytes$/ } @answer), 300, 'come back whole';
    $nginx->end;
};


subtest 'bounds of the queue' => sub {
    my $nginx = Driver->new(max_ops => 8, max_inflight => 2)->start;

    my @answer = $nginx->ops(('sleep:0.02') x 20);
    is join(' ', map { /^\d+ (\w+)/ } @answer),
        'REFUSED ' x 12 . 'OK ' x 7 . 'OK', 'number of operations';
    is $nginx->state->{busy}, 12, 'counted';
    $nginx->end;

    $nginx = Driver->new(max_bytes => 1000, max_inflight => 1)->start;
    @answer = $nginx->ops('sleep:0.02', ('echo:' . 'y' x 150) x 10);
    is scalar(grep { / REFUSED/ } @answer), 8, 'bytes that wait';
    is scalar(grep { / OK/ } @answer), 3, 'the others are done';

    @answer = $nginx->ops('sleep:0.02', ('echo:' . 'y' x 150) x 10);
    is scalar(grep { / OK/ } @answer), 3, 'the bytes are given back';
    $nginx->end;
};


subtest 'backend terminated' => sub {
    my $nginx = Driver->new(max_inflight => 2)->start;
    my ($pid) = $nginx->ops('pid');
    $pid =~ s/^0 OK //;

    my $call = $nginx->begin(qw(insert:before sleep:5 insert:behind
                                insert:waiting echo:last));
    busy_sleeping();
    admin("SELECT pg_terminate_backend($pid)");

    is_deeply [$nginx->lines($call)],
        ['0 OK', '1 ABORT', '2 ABORT', '3 OK', '4 OK last'],
        'sent is unknown, committed stays, waiting goes later';
    is rows('before'), 1, 'the committed row';
    is rows('behind'), 0, 'the row behind the failure';
    is rows('waiting'), 1, 'the row that waited';

    my $state = $nginx->state;
    is $state->{connects}, 2, 'connected anew';
    is "$state->{ups} $state->{downs}", '2 1', 'told so';
    ok scalar(grep { /\[error\].*connection lost with 2 operations/ }
              $nginx->log_lines), 'logged';

    ($pid) = $nginx->ops('pid');
    $pid =~ s/^0 OK //;
    admin("SELECT pg_terminate_backend($pid)");
    ok $nginx->reach(connects => 3), 'and when idle';
    ok scalar(grep { /\[notice\].*connection lost with 0 operations/ }
              $nginx->log_lines), 'which is only a notice';
    $nginx->end;
};


subtest 'descriptors' => sub {
    my $nginx = Driver->new->start;
    my $worker = $nginx->state->{worker};
    my $before = () = glob "/proc/$worker/fd/*";

    for my $n (2 .. 5) {
        my ($pid) = $nginx->ops('pid');
        $pid =~ s/^0 OK //;
        admin("SELECT pg_terminate_backend($pid)");
        $nginx->reach(connects => $n)
            or fail "no connection $n";
    }

    # that of a request just answered may still be open

    ok wait_until(sub { $before >= (() = glob "/proc/$worker/fd/*") }),
        'do not grow with the connections';
    $nginx->end;
};


subtest 'server absent' => sub {
    my $nginx = Driver->new(conninfo => 'host=/nonexistent user=chat',
                            connect_wait => 300)->start(0);
    my $began = time;

    is_deeply [$nginx->ops(qw(echo:a echo:b))], ['0 BUSY', '1 BUSY'],
        'operations are not kept waiting';
    cmp_ok time - $began, '<', 5, 'for long';

    $nginx->reach(failures => 4) or fail 'no attempts';
    cmp_ok $nginx->state->{failures}, '<', 20, 'attempts are spread';
    is scalar(grep { /connection failed/ } $nginx->log_lines), 1,
        'one line in the log';
    $nginx->end;
};


subtest 'server comes and goes' => sub {
    my $late = ChatTest::Postgres->new('late', 'fsync=off');
    my $conninfo = $late->start;

    psql('DROP TABLE IF EXISTS child, item', $conninfo);
    $late->stop;

    my $nginx = Driver->new(conninfo => $conninfo, connect_wait => 15000,
                            op_timeout => 20000)->start(0);
    my $call = $nginx->begin('echo:patient');

    $late->start;
    is_deeply [$nginx->lines($call, 20)], ['0 OK patient'],
        'an operation waits for it';

    $call = $nginx->begin(qw(insert:x sleep:5));
    $nginx->reach(pending => 1);
    $late->stop('immediate');
    is_deeply [$nginx->lines($call)], ['0 OK', '1 ABORT'],
        'a crash makes the outcome unknown';

    $late->start;
    ok $nginx->reach(ready => 1), 'connects again';
    $nginx->end;
    $late->stop;
};


subtest 'server hangs' => sub {
    my $nginx = Driver->new(op_timeout => 600, connect_wait => 300,
                            connect_timeout => 300, max_inflight => 2)->start;

    $postgres->freeze;
    my $began = time;

    is_deeply [$nginx->ops(qw(echo:a echo:b echo:c))],
        ['2 BUSY', '0 ABORT', '1 ABORT'],
        'sent is unknown, not sent is busy';
    cmp_ok time - $began, '<', 6, 'in time';
    is_deeply [$nginx->ops('echo:d')], ['0 BUSY'], 'still hanging';
    is $nginx->state->{timeouts}, 1, 'the connection was closed once';

    $postgres->thaw;
    ok $nginx->reach(ready => 1), 'connects again';
    is_deeply [$nginx->ops('echo:e')], ['0 OK e'], 'and works';
    $nginx->end;
};


subtest 'slow is not hanging' => sub {
    my $nginx = Driver->new(op_timeout => 600)->start;

    is_deeply [$nginx->ops(('sleep:0.2') x 6)],
        [map { "$_ OK" } 0 .. 5], 'progress keeps the connection';
    is $nginx->state->{timeouts}, 0, 'no timeout';
    $nginx->end;

    $nginx = Driver->new(op_timeout => 600, max_inflight => 1)->start;
    my @answer = $nginx->ops(('sleep:0.25') x 6);
    is scalar(grep { / OK/ } @answer), 3, 'what could be sent in time';
    is scalar(grep { / BUSY/ } @answer), 3, 'what could not';
    is $nginx->state->{connects}, 1, 'on the same connection';
    $nginx->end;
};


subtest 'one slow operation' => sub {
    my $nginx = Driver->new(op_timeout => 400)->start;

    is_deeply [$nginx->ops(qw(sleep:5 echo:behind))],
        ['0 ABORT', '1 ABORT'], 'is cut off';
    ok $nginx->reach(ready => 1), 'connects again';
    $nginx->end;
};


subtest 'reload, quit and stop' => sub {
    my $nginx = Driver->new->start;
    my $call = $nginx->begin(qw(sleep:0.8 insert:drained));
    busy_sleeping();

    my @old = $nginx->reload;
    is_deeply [$nginx->lines($call)], ['0 OK', '1 OK'],
        'an old worker finishes its operations';
    ok gone(@old), 'and exits';
    is rows('drained'), 1, 'the row is there';

    $call = $nginx->begin(qw(sleep:0.8 echo:quit));
    busy_sleeping();
    $nginx->signal('QUIT');
    is_deeply [$nginx->lines($call)], ['0 OK', '1 OK quit'],
        'so does one that quits';
    $nginx->end;

    $nginx = Driver->new->start;
    my $began = time;
    $nginx->end;
    cmp_ok time - $began, '<', 10, 'an idle one quits at once';

    $nginx = Driver->new(op_timeout => 1000)->start;
    $postgres->freeze;
    $call = $nginx->begin('echo:frozen');
    $nginx->reach(pending => 1);
    $nginx->signal('QUIT');
    is_deeply [$nginx->lines($call)], ['0 ABORT'], 'hanging, it gives up';
    $postgres->thaw;
    $nginx->end;

    $nginx = Driver->new->start;
    $call = $nginx->begin('sleep:30');
    busy_sleeping();
    $nginx->stop('TERM');
    $nginx->end;

    $nginx = Driver->new(main => 'worker_shutdown_timeout 300ms;',
                         op_timeout => 30000)->start;
    $call = $nginx->begin('sleep:31');
    busy_sleeping();
    $began = time;
    $nginx->end;
    cmp_ok time - $began, '<', 15, 'worker_shutdown_timeout holds';
};


subtest 'exiting worker reconnects for its operations' => sub {
    my $nginx = Driver->new(max_inflight => 1)->start;
    my ($pid) = $nginx->ops('pid');
    $pid =~ s/^0 OK //;

    my $call = $nginx->begin(qw(sleep:5 insert:reconnected));
    busy_sleeping();
    $nginx->signal('QUIT');
    admin("SELECT pg_terminate_backend($pid)");

    is_deeply [$nginx->lines($call)], ['0 ABORT', '1 OK'], 'and only so';
    $nginx->end;
};


subtest 'set-up' => sub {
    my $nginx = Driver->new(setup => 'fail')->start(0);
    is_deeply [$nginx->ops('echo:a')], ['0 BUSY'], 'a failed one';
    ok scalar(grep { /connection failed: ERROR:  division by zero/ }
              $nginx->log_lines), 'is logged';
    $nginx->end;

    $nginx = Driver->new(setup => 'hang')->start(0);
    is_deeply [$nginx->ops('echo:a')], ['0 BUSY'], 'a hanging one';
    ok scalar(grep { /connection failed: set-up timed out/ }
              $nginx->log_lines), 'is logged';
    $nginx->end;

    $nginx = Driver->new(setup => 'slow', connect_wait => 5000,
                         op_timeout => 5000)->start(0);
    is_deeply [$nginx->ops('echo:a')], ['0 OK a'], 'a slow one has its time';
    $nginx->end;
};


subtest 'lazy' => sub {
    my $nginx = Driver->new(lazy => 1)->start(0);

    is $nginx->state->{connects}, 0, 'no connection';
    is_deeply [$nginx->ops('echo:a')], ['0 OK a'], 'until there is use';
    is $nginx->state->{connects}, 1, 'for it';
    $nginx->end;

    $nginx = Driver->new(conninfo => 'host=/nonexistent user=chat', lazy => 1,
                         connect_wait => 1)->start(0);
    $nginx->ops('echo:a') for 1 .. 200;
    cmp_ok $nginx->state->{failures}, '<', 20, 'attempts keep their distance';
    $nginx->end;
};


subtest 'notifications and notices' => sub {
    my $nginx = Driver->new->start;

    admin("NOTIFY news, 'from elsewhere'");
    ok $nginx->reach(payload => 'from elsewhere'),
        'while idle';

    $nginx->ops('notify:own', 'warn', 'echo:x');
    ok $nginx->reach(payload => 'own'), 'among results';
    ok scalar(grep { /\[info\].*WARNING: warned/ } $nginx->log_lines),
        'a warning is in the log';
    $nginx->end;
};


subtest 'without a master' => sub {
    my $nginx = Driver->new(main => 'master_process off;', workers => 0)
        ->start;

    is $nginx->get('op=echo:abc&chain=1000&window=64'),
        "ok:1000 error:0 busy:0 abort:0 refused:0\n", 'operations';
    $nginx->end;
};


subtest 'several hosts' => sub {
    my ($socket) = $conninfo =~ /host=(\S+)/;
    my $nginx = Driver->new(
        conninfo => "host=/nonexistent,$socket dbname=chat user=chat")->start;

    is_deeply [$nginx->ops('echo:a')], ['0 OK a'], 'the second one answers';
    $nginx->end;
};


subtest 'TCP, TLS and a password' => sub {
    my $address = join '.', 127, map { 1 + int rand 250 } 1 .. 3;
    my $tls = ChatTest::Postgres->new('tls', 'fsync=off',
                                      "listen_addresses=$address");
    my $conninfo = $tls->start;
    my $data = build_dir('pg-tls') . '/data';

    (my $admin = $conninfo) =~ s/user=chat/user=postgres/;
    $admin =~ s/dbname=chat/dbname=postgres/;

    system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x"
           . " -keyout $data/server.key -out $data/server.crt 2>/dev/null"
           . " && chmod 600 $data/server.key"
           . " && chown --reference=$data $data/server.key $data/server.crt"
           . " && echo hostssl all all 127.0.0.1/8 scram-sha-256"
           . " >> $data/pg_hba.conf") == 0 or die "no certificate\n";

    psql('ALTER SYSTEM SET ssl = on', $admin);
    psql(q(ALTER ROLE chat PASSWORD 'it''s \ secret'), $admin);
    psql('SELECT pg_reload_conf()', $admin);

    my $nginx = Driver->new(
        conninfo => "host=$address dbname=chat user=chat sslmode=require "
                    . q(password='it\\\\'s \\\\\\\\ secret'),
        connect_wait => 3000)->start;

    is_deeply [$nginx->ops(qw(echo:a repeat:500000 echo:b))],
        ['0 OK a', '1 OK 500000 bytes', '2 OK b'], 'results';
    is $nginx->get('op=repeat:50000&chain=1000&window=64'),
        "ok:1000 error:0 busy:0 abort:0 refused:0\n", 'large results';
    is psql('SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity'
            . " USING (pid) WHERE application_name = 'nginx-chat'", $admin),
        't', 'encrypted';
    is scalar(grep { /secret/ } $nginx->log_lines), 0,
        'the password is not in the log';
    $nginx->end;
    $tls->stop;
};


subtest 'connection strings' => sub {
    my $dir = build_dir('pg-conninfo');
    my $nginx = Driver->new(name => 'conninfo');

    spit("$dir/conninfo", "$conninfo\n password=geheim \n");
    spit("$dir/empty", "\n");
    spit("$dir/large", 'x' x 9000);

    my @good = (
        'user=chat' => qr/^user='chat' .*passfile='\/nonexistent' $/,
        'user=chat application_name=own' => qr/application_name='own'/,
        'postgresql://chat@127.0.0.1:5433/db'
            => qr/host='127.0.0.1' hostaddr='127.0.0.1' port='5433'/,
        'postgresql://chat@[::1]/db' => qr/host='::1' hostaddr='::1'/,
        'host=localhost user=chat' => qr/host='localhost[^']*' hostaddr='[^']/,
        'host=db.example hostaddr=192.0.2.7 user=chat'
            => qr/host='db.example' hostaddr='192.0.2.7'/,
        'host=/run/a,192.0.2.7,/run/b port=1,2,3 user=chat' =>
            qr/b' hostaddr=',192.0.2.7,' port='1,2,3'/,
        'host=192.0.2.7,192.0.2.8 port=7 user=chat' => qr/port='7,7'/,
        'user=chat client_encoding=utf8' => qr/client_encoding='UTF8'/,
        "file:$dir/conninfo" => qr/^user='chat' password='geheim' /,
    );

    while (my ($value, $like) = splice @good, 0, 2) {
        like $nginx->check($value), $like, "accepted: $value";
    }

    my @bad = (
        '' => qr/connection string is empty/,
        "file:$dir/empty" => qr/connection string is empty/,
        "file:$dir/none" => qr/open\(\) ".*none" failed \(2: No such file/,
        "file:$dir/large" => qr/is too large/,
        'file:' => qr/no path after "file:"/,
        'dbname=chat' => qr/no "user"/,
        'user=chat service=x' => qr/option "service" is not supported/,
        'user=chat replication=database' => qr/"replication" is not supp/,
        'user=chat client_encoding=LATIN1' => qr/"client_encoding" must be/,
        'user=chat gssencmode=prefer' => qr/"gssencmode" must be "disable"/,
        'user=chat host=nowhere.invalid' =>
            qr/host not found in PostgreSQL connection string "host=nowhere/,
        'user=chat hostaddr=localhost' => qr/is not a numeric address/,
        'user=chat host=a,b hostaddr=192.0.2.7' => qr/differ in number/,
        'user=chat host=/a,/b port=1,2,3' => qr/differ in number/,
        'user=chat port=70000' => qr/invalid "port"/,
        'user=chat port=x' => qr/invalid "port"/,
        'user=chat password=geheim wort' => qr/"=" is missing/,
        'user=chat geheim=x' => qr/an option unknown to libpq/,
        "user=chat password='geheim" => qr/a quote is not closed/,
        'postgresql://chat:geheim@[::1/db' => qr/could not parse it/,
    );

    while (my ($value, $like) = splice @bad, 0, 2) {
        my $message = $nginx->check($value);

        like $message, $like, "refused: $value";
        unlike $message, qr/geheim/, 'without a secret' if $value =~ /geheim/;
    }
};


$postgres->stop;
done_testing;


# The module, built for the nginx that is tested.

sub module {
    my $build = $ENV{CHAT_BUILD} // "$top/build";
    my $nginx = $ENV{TEST_NGINX_BINARY} // 'nginx';
    my $dir = $nginx =~ m{^(.*)/objs/nginx$} ? $1 : "$build/debian";
    my $out = build_dir() . '/ngx_http_pgtest_module.so';
    my $log = qx(make -s -C $dir/tree -f $unit/module.mk \\
                 OBJS=$dir/objs TOP=$top OUT=$out $out 2>&1);

    die "the module was not built: $log\n" if $?;

    return $out;
}


sub admin {
    my ($sql) = @_;

    (my $admin = $conninfo) =~ s/user=chat/user=postgres/;
    return psql($sql, $admin);
}


sub rows {
    my ($v) = @_;

    return psql("SELECT count(*) FROM item WHERE v = '$v'", $conninfo);
}


# until an operation of ours is in pg_sleep()

sub busy_sleeping {
    wait_until { 0 <
        admin("SELECT count(*) FROM pg_stat_activity WHERE application_name"
              . " = 'nginx-chat' AND wait_event = 'PgSleep'")
    } or die "nobody sleeps\n";
}


sub gone {
    my (@pids) = @_;

    return wait_until { 0 == grep { ChatTest::Nginx::alive($_) } @pids };
}


sub spit {
    my ($path, $text) = @_;

    open my $out, '>', $path or die "$path: $!\n";
    print $out $text;
    close $out;
}


package Driver;

use Time::HiRes qw(time);
use parent -norequire, 'ChatTest::Nginx';

# Options: those of the directive, and workers, main and events.

sub new {
    my ($class, %opt) = @_;

    return ChatTest::Nginx::new($class, workers => 1, events => '', %opt);
}


sub configuration {
    my ($self) = @_;

    my $root = $self->{root};
    my $temp = join '', map { "    ${_}_temp_path $root/${_}_temp;\n" }
                        qw(client_body proxy fastcgi scgi uwsgi);
    my $user = $> == 0 ? 'user root;' : '';
    my $workers = $self->{workers} || 1;
    my $value = $self->{conninfo} // $conninfo;
    my @options = map { " $_=$self->{$_}" } grep { defined $self->{$_} }
                  qw(max_ops max_bytes max_inflight connect_timeout
                     connect_wait op_timeout setup lazy);

    return <<"_CONF_";
load_module $module;
worker_processes $workers;
daemon on;
$user
pid $root/logs/nginx.pid;
error_log $root/logs/error.log info;
env ASAN_OPTIONS;
env UBSAN_OPTIONS;
env LSAN_OPTIONS;
$self->{main}

events {
    worker_connections 128;
    $self->{events}
}

http {
    access_log off;
    large_client_header_buffers 4 128k;
$temp
    pgtest "$value"@options;

    server {
        listen 127.0.0.1:$self->{port};
        location / { pgtest_run; }
    }
}
_CONF_
}


sub start {
    my ($self, $ready) = @_;

    $self->{ready} = $ready // 1;
    return $self->SUPER::start;
}


sub wait_ready {
    my ($self) = @_;

    $self->reach(ready => 1)
        or die "not ready:\n" . $self->tail;
}


sub get {
    my ($self, $args) = @_;
    return $self->client->get("/?$args", timeout => 20)->{body};
}


# what nginx -t says or, if it agrees, what libpq would be given

sub check {
    my ($self, $value) = @_;

    local $self->{conninfo} = $value;
    local $self->{lazy} = 1;

    # nginx -t frees nothing of its own

    local $ENV{ASAN_OPTIONS} = ($ENV{ASAN_OPTIONS} // '') . ':detect_leaks=0';

    my $path = $self->write_configuration;
    my $binary = $ENV{TEST_NGINX_BINARY} // 'nginx';
    my $message = qx($binary -t -p $self->{root}/ -c $path 2>&1);

    return $message if $?;

    $self->start(0);
    my $got = $self->get('conninfo');
    $self->stop;

    return $got;
}


sub state {
    my ($self) = @_;
    return { $self->get('') =~ /^(\w+):(.*)$/mg };
}


# waits until a line of the state is that or, a number, at least that

sub reach {
    my ($self, $name, $value) = @_;

    return ChatTest::wait_until(sub {
        my $now = $self->state->{$name} // '';
        return $value =~ /^\d+$/ ? $now >= $value : $now eq $value;
    }, 20);
}


sub begin {
    my ($self, @ops) = @_;
    return $self->client->start('GET', '/?op=' . join ',', @ops);
}


sub lines {
    my ($self, $call, $timeout) = @_;
    return split /\n/, $call->wait($timeout)->{body};
}


sub ops {
    my ($self, @ops) = @_;
    return $self->lines($self->begin(@ops));
}


# stops it and looks for what must not be in the log

sub end {
    my ($self) = @_;

    $self->stop if $self->{running};
    Test::More::is(join('', $self->alarms), '', 'no alarm in the log');
}
