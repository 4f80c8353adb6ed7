# R1, R6.  PostgreSQL is absent, killed, frozen, and back: nothing is
# acknowledged that is not stored, nothing is stored twice, nginx is not
# restarted.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time sleep);
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Postgres;
use ChatTest::Sender;

# durable: a killed server must know what it said it had committed
my $postgres = ChatTest::Postgres->new('own');
my $conninfo = $postgres->start;

my $nginx = ChatTest::Nginx->new(workers => 2, postgres => $conninfo);
my $path = '/support/v1/conversations';


# Absent at the start.  The first start made the directory of the socket.

$postgres->stop;
$nginx->{ready} = 0;
$nginx->start;

my $visitor;
my $client = $nginx->client;
my @refused = map { $client->post('/support/v1/session',
                                  {mode => 'bearer'}) } 1 .. 4;

is($client->get('/support/v1/live')->status, 200, 'nginx lives without it');
is($client->get('/support/v1/ready')->status, 503, 'and is not ready');
is_deeply([map { $_->status } @refused], [(503) x 4],
          'what needs it is refused');
is(scalar(grep { ($_->header('Retry-After') // '') =~ /^[1-9]\d*$/ }
          @refused), 4, 'with Retry-After');

my $call = $client->start('POST', '/support/v1/session',
                          json => {mode => 'bearer'});
$call->wait;
cmp_ok($call->took, '<', 4.5, 'soon');

my @workers = sort $nginx->worker_pids;

$postgres->start;
ok(eval { $nginx->wait_ready; 1 }, 'it comes, and nginx is ready')
    or die $nginx->tail;

my $session = $client->post('/support/v1/session', {mode => 'bearer'});
is($session->status, 200, 'a session is started');
$visitor = $nginx->client(token => $session->json->{token});


# Senders, each with a conversation.

my @senders = map {
    my $token = $client->post('/support/v1/session', {mode => 'bearer'})
                       ->json->{token};
    my $own = $nginx->client(token => $token);
    my $id = $own->post($path, {client_msg_id => 'first', text => 'hello'})
                 ->json->{id};
    my $sender = ChatTest::Sender->new(
        nginx => $nginx, visitor => "v$_", conversation => $id,
        pause => 0.01, token => $token);
    $sender->{client}{token} = $token;
    $sender;
} 1 .. 8;

sub acknowledged {
    my $n = 0;
    $n += keys %{$_->{acknowledged}} for @senders;
    return $n;
}

sub run_until(&$) {
    my ($condition, $seconds) = @_;
    return ChatTest::Sender->run(\@senders, $condition, $seconds);
}

sub number {
    my ($name) = @_;
    return $client->get('/status?format=json')->json->{$name};
}

# Refusals since the last call: [took, Retry-After].

sub refusals {
    my @list = map { splice @{$_->{refused}} } @senders;
    return @list;
}

sub check_record {
    my ($when) = @_;

    ok(ChatTest::Sender->finish(\@senders, 60),
       "$when: every message is acknowledged in the end");
    is_deeply([map { $_->compare($conninfo) } @senders], [],
              "$when: the record is what was acknowledged");
    is_deeply([map { @{$_->{wrong}} } @senders], [],
              "$when: no answer but 200, 201 and 503");
}


# Killed under load.

ok((run_until { acknowledged() > 200 } 60),
   'messages flow');
refusals();

$postgres->kill9;
my $killed = time;
my $before = acknowledged();
run_until { time > $killed + 3 } 5;

my @killed = refusals();

ok(@killed > 0, 'killed: sends are refused');
is(scalar(grep { ($_->{retry} // '') !~ /^[1-9]\d*$/ } @killed), 0,
   'killed: with Retry-After');
is(scalar(grep { $_->{took} > 4.5 } @killed), 0,
   'killed: soon');
cmp_ok(acknowledged() - $before, '<=', 8,
       'killed: nothing more is acknowledged');

$postgres->start;
$nginx->wait_ready;

for my $worker (@workers) {
    my $reader = $nginx->on($worker, %{$senders[0]{client}}{token});

    ok((wait_until {
        $reader->get("$path/$senders[0]{conversation}/events")->status == 200;
    }), 'back: what waits for another attempt joins the first');
}

my $back = acknowledged();
ok((run_until { acknowledged() > $back + 200 } 30),
   'back: messages flow');
check_record('killed');


# A poll waits through a restart, and gets what is sent afterwards.

my $first = $senders[0];
my $own = $first->{client};
my $events = "$path/$first->{conversation}/events";
my $next = $own->get("$events?limit=1")->json->{next};
my $poll = $nginx->client(token => $own->{token})->start('GET',
    "/support/v1/stream?conversation=$first->{conversation}&since=$next"
    . '&wait=30');
ok((wait_until { number('polls') == 1 }), 'a poll waits')
    or diag $poll->wait->body;

$postgres->stop;
ok((wait_until { number('pg_ready') == 0 }), 'PostgreSQL goes');
ok(!$poll->poll, 'a poll stays open while PostgreSQL is away');
$postgres->start;
ok(eval { $nginx->wait_ready; 1 }, 'back again');
is($own->post("$path/$first->{conversation}/messages",
              {client_msg_id => 'v1-100000', text => 'after'})->status, 201,
   'a message is sent');
my $answer = eval { $poll->wait };
is($answer && contains($answer->json, {events => [{text => 'after'}]}),
   undef, 'and the poll has it');
ok(defined $answer, 'as an answer');
$first->{acknowledged}{'v1-100000'} = $answer
    ? $answer->json->{events}[0]{seq} : 0;
$first->{sent} = 100000;


# Frozen.

$back = acknowledged();
ok((run_until { acknowledged() > $back + 100 } 60),
   'messages flow again');
refusals();

$postgres->freeze;
my $frozen = time;
run_until { time > $frozen + 8 } 30;

my @frozen = refusals();

ok(@frozen > 0, 'frozen: sends are refused');
is(scalar(grep { ($_->{retry} // '') !~ /^[1-9]\d*$/ } @frozen), 0,
   'frozen: with Retry-After');
is(scalar(grep { $_->{took} > 15 } @frozen), 0,
   'frozen: within the time limit');
is($client->get('/support/v1/live')->status, 200, 'frozen: nginx lives');

$call = $client->start('GET', '/support/v1/ready');
is($call->wait->status, 503, 'frozen: and is not ready');

$postgres->thaw;
$back = acknowledged();
ok((run_until { acknowledged() > $back + 200 } 30),
   'thawed: messages flow');
check_record('frozen');


# A transaction that holds a conversation: the others do not wait for it.

my $held = $senders[1];
open my $lock, '|-', "exec psql -XqAt -o /dev/null '$conninfo'"
    or die "psql: $!\n";
$lock->autoflush;
print $lock "BEGIN; SELECT 1 FROM chat.conversation "
            . "WHERE id = '$held->{conversation}' FOR UPDATE;\n"
            . "\\! touch $nginx->{root}/locked\n";
ok((wait_until { -e "$nginx->{root}/locked" }), 'a conversation is locked');

my $count = keys %{$held->{acknowledged}};
$back = acknowledged();
ok((run_until { acknowledged() > $back + 300 } 60),
   'locked: messages flow in the others');
cmp_ok(scalar(keys %{$held->{acknowledged}}) - $count, '<=', 1,
       'locked: not in that one');
my @locked = grep { ($_->{retry} // '') !~ /^[1-9]\d*$/ } refusals();
is(scalar @locked, 0, 'locked: refusals have Retry-After');

print $lock "COMMIT;\n";
close $lock;
check_record('locked');


is_deeply([sort $nginx->worker_pids], \@workers,
          'the workers are those of the start');
$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

$postgres->stop;
done_testing();
