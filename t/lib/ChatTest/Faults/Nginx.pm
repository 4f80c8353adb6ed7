package ChatTest::Faults::Nginx;

# Faults of nginx itself: processes killed, configurations and binaries
# changed under load.

use strict;
use warnings;

use ChatTest ();
use ChatTest::Nginx ();

my $killed = qr/exited on signal 9/;


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
             reload($world, $load);
             $world->{redis}->thaw;
         }},

        {id => 'F12p', name => 'reload while PostgreSQL is away', times => 1,
         long => 5, strike => sub {
             my ($world, $load) = @_;

             $world->{postgres}->stop;
             reload($world, $load);
             $world->{postgres}->start;
             $world->ready;
         }},

        {id => 'H1', name => 'two hosts, one is killed', times => 2,
         long => 10, except => $killed, world => {hosts => [{}, {}]},
         strike => \&kill_host},

        {id => 'H2', name => 'two hosts without Redis, one is killed',
         times => 2, long => 10, except => $killed,
         world => {hosts => [{}, {}], redis => 0}, strike => \&kill_host},
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


# The old workers have to go in time, also without a backend.

sub gone {
    my ($load, @old) = @_;

    $load->until(sub { !grep { ChatTest::Nginx::alive($_) } @old }, 30,
                 'the old workers go');
}

sub reload {
    my ($world, $load) = @_;

    for my $nginx (@{$world->{hosts}}) {
        gone($load, $nginx->reload);
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
