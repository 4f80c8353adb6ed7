package ChatTest::Faults::Nginx;

# Faults of nginx itself: processes killed, configurations and binaries
# changed under load.

use strict;
use warnings;

use POSIX ();
use Test::More;
use Time::Local qw(timegm);
use ChatTest ();
use ChatTest::Nginx ();

my $killed = qr/exited on signal 9/;
my $ticks = POSIX::sysconf(POSIX::_SC_CLK_TCK());


sub faults {
    return (
        {id => 'F1', name => 'none', times => 1, long => 3},

        {id => 'F2', name => 'a worker is killed', times => 3, long => 20,
         except => $killed, strike => \&kill_worker},

        {id => 'F2s', name => 'a worker is stopped for 5 s', times => 1,
         long => 5, strike => \&stop_worker},

        {id => 'F3', name => 'nginx is killed and started again', times => 2,
         long => 5, except => $killed, strike => \&kill_nginx},

        {id => 'F10', name => 'reload', times => 3, long => 12,
         strike => \&reload},

        {id => 'F11', name => 'binary upgrade', times => 1, long => 3,
         strike => \&upgrade},

        {id => 'F12r', name => 'reload while Redis hangs', times => 1,
         long => 5, strike => sub {
             my ($world, $load) = @_;

             $world->{redis}->freeze;
             reload_quietly($world, $load);
             $world->{redis}->thaw;
         }},

        {id => 'F12p', name => 'reload while PostgreSQL is away', times => 1,
         long => 5, strike => sub {
             my ($world, $load) = @_;

             $world->{postgres}->stop;
             reload_quietly($world, $load);
             $world->{postgres}->start;
             $world->ready;
         }},

        {id => 'F18', name => 'the clock jumps, by an hour and back',
         times => 1, long => 3, fresh => 1, world => {
             prepare => \&with_clock,
             main => join('', map { "env $_;\n" } qw(FAKETIME_TIMESTAMP_FILE
                 FAKETIME_DONT_FAKE_MONOTONIC FAKETIME_CACHE_DURATION)),
         }, strike => \&jump},

        {id => 'H1', name => 'two hosts, one is killed', times => 2,
         long => 10, except => $killed, world => {hosts => [{}, {}]},
         strike => \&kill_host},

        {id => 'H2', name => 'two hosts without Redis, one is killed',
         times => 2, long => 10, except => $killed,
         world => {hosts => [{}, {}], redis => 0}, strike => \&kill_host},

        {id => 'H3', name => 'rolling upgrade of two hosts, and back',
         times => 1, long => 3, fresh => 1,
         world => {hosts => [{modules => old()}, {modules => old()}]},
         strike => \&roll},

        {id => 'H4', name => 'rolling upgrade without Redis, and back',
         times => 1, long => 3, fresh => 1,
         world => {redis => 0,
                   hosts => [{modules => old()}, {modules => old()}]},
         strike => \&roll},
    );
}


sub kill_worker {
    my ($world) = @_;

    my @workers = $world->workers;

    kill 'KILL', $workers[rand @workers];
}


sub stop_worker {
    my ($world, $load) = @_;

    my ($worker) = $world->workers;

    kill 'STOP', $worker;
    $load->dwell(5);
    kill 'CONT', $worker;
}


sub kill_all {
    my ($nginx) = @_;

    my @pids = ($nginx->master, $nginx->worker_pids('all'));

    # the master first, so that it respawns nobody
    kill 'KILL', @pids;
    ChatTest::wait_until { !grep { ChatTest::Nginx::alive($_) } @pids }
        or die "killed and alive: @pids\n";
}


sub kill_nginx {
    my ($world, $load) = @_;

    kill_all($world->nginx);
    $load->dwell(1);
    $world->nginx->start;
}


# The other host serves meanwhile.

sub kill_host {
    my ($world, $load, $n) = @_;

    my $nginx = $world->{hosts}[$n % 2];

    kill_all($nginx);

    my $acked = $load->acked;

    $load->until(sub { $load->acked > $acked + 50 }, 60,
                 'messages by the other host');
    $nginx->start;
}


# The old workers have to go in time, also without a backend.  Returns the
# seconds of CPU that the busiest of them still used.

sub gone {
    my ($load, @old) = @_;

    my %first = map { $_ => cpu($_) } @old;
    my %last = %first;

    $load->until(sub {
        $last{$_} = cpu($_) // $last{$_} for @old;
        !grep { ChatTest::Nginx::alive($_) } @old;
    }, 30, 'the old workers go');

    my ($most) = sort { $b <=> $a }
                 map { ($last{$_} // 0) - ($first{$_} // 0) } @old;
    return $most;
}

sub cpu {
    my ($pid) = @_;

    open my $in, '<', "/proc/$pid/stat" or return undef;

    my @fields = split ' ', (<$in> // return undef) =~ s/.*\) //r;

    return ($fields[11] + $fields[12]) / $ticks;
}

sub reload {
    my ($world, $load) = @_;

    my ($most) = sort { $b <=> $a }
                 map { gone($load, $_->reload) } @{$world->{hosts}};
    return $most;
}


# What they wait for is not asked for again and again.

sub reload_quietly {
    my ($world, $load) = @_;

    my $used = reload($world, $load);

    cmp_ok($used, '<=', 0.5, 'the old workers do not spin');
    $world->{dying} = $used if $used >= ($world->{dying} // 0);
}


# An hour forward, an hour back, and as it is.

sub with_clock {
    my ($world) = @_;

    my ($library) = glob '/usr/lib/*/faketime/libfaketimeMT.so.1';

    $world->{clock} = "$world->{root}/clock";
    $world->{env} = {
        LD_PRELOAD => $library // die("there is no libfaketime\n"),
        FAKETIME_TIMESTAMP_FILE => $world->{clock},
        FAKETIME_DONT_FAKE_MONOTONIC => 1, FAKETIME_CACHE_DURATION => 1,
    };
    set_clock($world, '+0');
}

sub set_clock {
    my ($world, $offset) = @_;

    open my $out, '>', "$world->{clock}.new" or die "$world->{clock}: $!\n";
    print $out "$offset\n";
    close $out;
    rename "$world->{clock}.new", $world->{clock};
}

sub seconds_of {
    my ($date) = @_;

    my %month = map { (qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov
                          Dec))[$_] => $_ } 0 .. 11;
    my ($day, $month, $year, $h, $m, $s)
        = $date =~ /, (\d+) (\w+) (\d+) (\d+):(\d+):(\d+)/;

    return timegm($s, $m, $h, $day, $month{$month}, $year);
}

sub jump {
    my ($world, $load) = @_;

    for my $offset ('+1h', '-1h', '+0') {
        set_clock($world, $offset);

        my ($nginx) = @{$world->{hosts}};
        my $expected = time + {'+1h' => 3600, '-1h' => -3600, '+0' => 0}
                              ->{$offset};

        $load->until(sub {
            my $date = $nginx->client->get('/support/v1/live')
                             ->header('Date');
            abs(seconds_of($date) - $expected) < 120;
        }, 30, "nginx takes it for another time: $offset");
        $load->flows(200);
    }
}


# The module of an earlier commit, which the Makefile builds.

sub old { return $ENV{CHAT_OLD_MODULE} || '(no CHAT_OLD_MODULE)' }

# One host after the other leaves and comes back with the other module.

sub roll {
    my ($world, $load) = @_;

    for my $module ($ENV{TEST_NGINX_LOAD_MODULES}, old()) {
        for my $nginx (@{$world->{hosts}}) {
            $nginx->stop('QUIT');
            $nginx->{modules} = $module;
            $nginx->start;
            $load->flows(100);
        }
    }
}


sub upgrade {
    my ($world, $load) = @_;

    my $nginx = $world->nginx;
    my $old = $nginx->master;
    my @workers = $nginx->worker_pids;
    my $pid = "$nginx->{root}/logs/nginx.pid";

    kill 'USR2', $old;
    $load->until(sub { -e "$pid.oldbin" && ($nginx->master // $old) != $old },
                 30, 'the new master');
    $load->until(sub { $nginx->worker_pids == $nginx->{workers} }, 30,
                 'its workers');
    kill 'WINCH', $old;
    gone($load, @workers);
    kill 'QUIT', $old;
    gone($load, $old);
}


1;
