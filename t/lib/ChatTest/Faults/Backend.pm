package ChatTest::Faults::Backend;

# Faults of Redis and PostgreSQL.

use strict;
use warnings;

use ChatTest ();
use ChatTest::FakeRedis ();


my $terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE usename = 'chat'";


# What a server may say that is no Redis, or none that is of use.

my @odd = map { [$_, $_] }
    "-LOADING Redis is loading the dataset in memory\r\n",
    "-READONLY You can't write against a replica.\r\n",
    "-NOAUTH Authentication required.\r\n",
    "-MOVED 3999 127.0.0.1:6381\r\n",
    "-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    "\0\377HTTP/1.1 400 Bad Request\r\n\r\n",
    "+OK\r\n*3\r\n\$7\r\nmessage\r\n\$5\r\nabclose",
    "\$9223372036854775807\r\nx", "*1\r\n" x 200, 'close';


# A worker that waited for a backend that hangs would answer nobody meanwhile.

sub faults { return map { {stall => 3, %$_} } all() }

sub all {
    return (
        {id => 'F4', name => 'Redis is killed, and comes back empty',
         times => 1, long => 10, strike => sub {
             my ($world, $load) = @_;

             $world->{redis}->kill9;

             # sends go on, and so do deliveries
             $load->flows(100);
             $world->{redis}->start;
         }},

        {id => 'F5', name => 'Redis hangs for 5 s', times => 1, long => 10,
         strike => sub {
             my ($world, $load) = @_;

             $world->{redis}->freeze;
             $load->dwell(5);
             $world->{redis}->thaw;
         }},

        {id => 'F7', name => 'PostgreSQL is killed', times => 1, long => 10,
         strike => sub {
             my ($world, $load) = @_;

             $world->{postgres}->kill9;
             $load->dwell(1);
             $world->{postgres}->start;
         }},

        {id => 'F8', name => 'PostgreSQL hangs for 8 s', times => 1,
         long => 10, strike => sub {
             my ($world, $load) = @_;

             $world->{postgres}->freeze;
             $load->dwell(8);
             $world->{postgres}->thaw;
         }},

        {id => 'F6', name => 'another server answers in the place of Redis',
         times => 1, fresh => 1, world => {
             prepare => sub { ($_[0]{fake}) = ChatTest::FakeRedis->new(
                                 "$_[0]{name}-fake", @odd);
                             $_[0]{http} .= 'chat_redis '
                                 . $_[0]{fake}->address . ';' },
             redis => 0,
         }, strike => sub {
             my ($world, $load) = @_;

             $load->until(sub {
                 my %had = map { $_ => 1 } $world->{fake}->served;
                 $had{'pub over'} && $had{'sub over'};
             }, 120, 'both connections had every answer');
             $world->{fake}->honest;
         }},

        {id => 'F6f', name => 'Redis is flushed, full, a replica, paused, '
                              . 'and its clients are cut off',
         times => 1, long => 5, strike => sub {
             my ($world, $load) = @_;
             my $redis = $world->{redis};

             for (['FLUSHALL'], ['CLIENT KILL TYPE pubsub'],
                  ['CLIENT KILL TYPE normal'],
                  ['CONFIG SET maxmemory 1', 'CONFIG SET maxmemory 0'],
                  ['REPLICAOF 127.0.0.1 1', 'REPLICAOF NO ONE'],
                  ['CLIENT PAUSE 3000'],
                  ['ACL SETUSER default -publish',
                   'ACL SETUSER default +publish'])
             {
                 my ($break, $mend) = @$_;

                 $redis->say($break);
                 $load->flows_in_part(50);
                 $redis->say($mend) if $mend;
             }
         }},

        {id => 'F9c', name => 'PostgreSQL refuses connections: too many',
         times => 1, long => 5, strike => sub {
             my ($world, $load) = @_;

             admin($world, 'ALTER ROLE chat CONNECTION LIMIT 1', $terminate);
             $load->dwell(5);
             admin($world, 'ALTER ROLE chat CONNECTION LIMIT -1');
         }},

        {id => 'F9t', name => 'PostgreSQL ends connections',
         times => 5, long => 50, strike => sub {
             admin($_[0], $terminate);
         }},

        {id => 'F9s', name => 'PostgreSQL cancels statements: timeouts',
         times => 1, long => 5, strike => sub {
             my ($world, $load) = @_;

             for (1 .. 100) {
                 admin($world, $terminate =~ s/terminate/cancel/r);
                 $load->pump;
             }
         }},

        {id => 'F9l', name => 'conversations are locked for 6 s',
         times => 1, long => 5, strike => sub {
             my ($world, $load) = @_;

             open my $psql, '|-', 'psql', '-XqAt', '-o', '/dev/null',
                  $world->admin or die "psql: $!\n";
             print $psql 'BEGIN; LOCK TABLE chat.conversation IN '
                         . "EXCLUSIVE MODE; SELECT pg_sleep(6); COMMIT;\n";
             $psql->flush;
             $load->dwell(7);
             close $psql or die "the lock was not had\n";
         }},

        {id => 'F9r', name => 'PostgreSQL is read-only for 5 s',
         times => 1, long => 5, strike => sub {
             my ($world, $load) = @_;

             admin($world,
                   'ALTER SYSTEM SET default_transaction_read_only = on',
                   'SELECT pg_reload_conf()');
             $load->dwell(5);
             admin($world, 'SET default_transaction_read_only = off; '
                   . 'ALTER SYSTEM RESET default_transaction_read_only',
                   'SELECT pg_reload_conf()');
         }},

        {id => 'F9f', name => 'failover to a standby', times => 1,
         fresh => 1, resets => ['epoch'], world => {
             prepare => \&with_standby,
         }, strike => \&fail_over},

        {id => 'F9d', name => 'the disk of PostgreSQL is full for 5 s',
         times => 2, long => 5, fresh => 1, world => {
             disk => '192m', settings => ['min_wal_size=32MB',
                                          'max_wal_size=48MB'],
         }, strike => \&fill_disk},
    );
}


sub admin {
    my ($world, @sql) = @_;

    ChatTest::psql($_, $world->admin) for @sql;
}


# What is acknowledged is on the standby too.

sub with_standby {
    my ($world) = @_;

    my $primary = $world->{postgres};

    $world->{standby} = $primary->standby("$world->{name}-standby");
    admin($world, q{ALTER SYSTEM SET synchronous_standby_names = '*'},
          'SELECT pg_reload_conf()');

    my ($one) = $primary->conninfo =~ /host=(\S+)/;
    my ($two) = $world->{standby}->conninfo =~ /host=(\S+)/;

    $world->{conninfo} = "host=$one,$two dbname=chat user=chat "
                         . 'target_session_attrs=read-write';
}

sub fail_over {
    my ($world, $load) = @_;

    $world->{postgres}->kill9;
    $load->dwell(1);
    ChatTest::psql('SELECT pg_promote()', $world->{standby}->conninfo
                                          =~ s/user=chat/user=postgres/r);
    $world->ready;
}


sub fill_disk {
    my ($world, $load) = @_;

    my $file = $world->{postgres}{dir} . '/filler';

    system("dd if=/dev/zero of=$file bs=64k status=none 2>/dev/null");
    $load->dwell(5);
    unlink $file;

    # it may have given up for want of a log
    $world->{postgres}->start;
    $world->ready;
}


1;
