# What happens to a poll that waits: PostgreSQL hangs, wholly or in part, the
# log gets another epoch, its answer goes out slowly.

use strict;
use warnings;

use IO::Socket::INET;
use Socket;
use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Postgres;

my $postgres = ChatTest::Postgres->new('own', 'fsync=off');
$ENV{TEST_NGINX_POSTGRES} = $postgres->start;

my $nginx = ChatTest::Nginx->new(workers => 1);
my $text = $nginx->configuration;
$text =~ s/(listen 127\.0\.0\.1:\d+)/$1 sndbuf=4k/;
$nginx->{text} = sub { $text };
$nginx->start;

my $conversation = conversation('alice', 'hello');
my $path = "/support/v1/conversations/$conversation";
my $agent = $nginx->client(agent => 'dana');
my $visitor = $nginx->client(visitor => 'alice');


sub next_of { return $_[0]->get("$path/events")->json->{next} }

sub stream {
    my ($client, %query) = @_;

    return $client->start('GET', "/support/v1/stream?conversation="
        . join '&', $conversation, map { "$_=$query{$_}" } sort keys %query);
}


sub stream_inbox {
    my ($cursor, %query) = @_;

    return $nginx->client(agent => 'dana')->start('GET',
        "/support/v1/stream?inbox=$cursor"
        . join '', map { "&$_=$query{$_}" } sort keys %query);
}


# PostgreSQL hangs while a poll looks what has become of the state

my $next = next_of($agent);
my $state = stream($agent, since => $next, state => 0, wait => 0)->wait
                ->json->{state}{version};
my $here = stream($nginx->client(visitor => 'alice'), since => $next,
                  wait => 40);
ok(!$here->poll, 'the visitor is there');

$state = stream($agent, since => $next, state => $state, wait => 1)->wait
             ->json->{state}{version} // $state;

my $poll = stream($nginx->client(agent => 'dana'), since => $next,
                  state => $state, wait => 40);
ok(!$poll->poll, 'a poll that knows the state waits');

$postgres->freeze;
is($visitor->post("$path/typing", {on => JSON::PP::true})->status, 204,
   'the visitor types while PostgreSQL hangs');

is(contains(eval { $poll->wait(30)->json }, {state => {typing => ['*']}}),
   undef, 'the poll is told of it');
ok(!eval { $here->wait(6) }, 'the one of the visitor stays open');
$poll = $here;
$postgres->thaw;

my $sent = wait_until {
    my $one = $visitor->post("$path/messages",
                             {client_msg_id => 'w-1', text => 'back'});
    $one->status =~ /^20/ ? $one : undef;
};
ok($sent, 'a message is stored when it is back');

my $answer = eval { $poll->wait };
is($answer && $answer->status, 200, 'the poll is answered then');

# the state may have moved first
my $events = $answer->json->{events};
$events = stream($agent, since => $next, wait => 5)->wait->json->{events}
    if !@$events;
is($events->[0]{text}, 'back', 'and nothing is missed');


# What the first page of an inbox had is in the answer, although the list was
# read again while the conversation was still being read: the connection for
# that stands still.  PostgreSQL has to be back within 4 s: else it is tried
# again.

my $site = site_id();
my $first;

for my $try (1 .. 10) {
    my ($read, $early, $late) = map { conversation("w-$try-$_", 'hi') } 1 .. 3;
    my $cursor = stream_inbox('', wait => 0)->wait->json->{inbox}{next};

    message($early, 'agent dana', 'early');
    $agent->get("$path/events");

    my $fast = psql(q{SELECT pid FROM pg_stat_activity
                       WHERE query ~ 'chat.(events|revoked)_'
                         AND pid <> pg_backend_pid() LIMIT 1});
    my $asked = sub {
        my ($since) = @_;
        return psql(qq{SELECT 1 FROM pg_stat_activity
                        WHERE query LIKE '%chat.inbox_%'
                          AND pid <> pg_backend_pid() AND state = 'idle'
                          AND query_start > '$since'});
    };

    my $since = psql('SELECT clock_timestamp()');

    kill 'STOP', $fast;
    my $poll = stream_inbox($cursor, wait => 40, conversation => $read);
    wait_until { $asked->($since) } 1;

    # as another worker says it; an inbox is read again after half a second

    my $item = sprintf '%s:%d:%d:0:', '0' x 16 . "e$late",
                       2 * message($late, 'agent dana', 'late'), $site;

    $since = psql("SELECT clock_timestamp() FROM chat.notify_1('$item')");
    wait_until { $asked->($since) } 1.5;
    kill 'CONT', $fast;

    my $answer = eval { $poll->wait } // last;
    next if $answer->status == 503;

    $first = $answer->json->{inbox};
    my $second = stream_inbox($first->{next}, wait => 0)->wait->json->{inbox};
    my %seen = map { $_->{id} => 1 }
                   map { @{$_->{conversations}} } $first, $second;

    ok($seen{$early}, 'what changed before the poll is told');
    ok($seen{$late}, 'and so is what changed while it waited');
    last;
}

ok($first, 'a poll of a conversation and of the inbox');


# another history

$next = next_of($agent);
$poll = stream($nginx->client(agent => 'dana'), since => $next, wait => 40);
ok(!$poll->poll, 'a poll at the head waits');

psql('SELECT chat.new_epoch()');
psql('SELECT pg_terminate_backend(pid) FROM pg_stat_activity '
     . 'WHERE pid <> pg_backend_pid() AND backend_type = '
     . "'client backend'");

$answer = eval { $poll->wait };
is($answer && $answer->status, 200, 'it is answered when the epoch changes');
is($answer->json->{next}, $next, 'with the cursor that it came with');

wait_until { $agent->get("$path/events")->status == 200 };
$answer = stream($agent, since => $answer->json->{next}, wait => 0)->wait
              ->json;
is(contains($answer, {complete => JSON::PP::false, reason => 'epoch'}), undef,
   'and whoever comes with it is told');


# an answer larger than the buffers, and events meanwhile

$next = next_of($agent);
my $long = 'x' x 16000;
my @slow;

for my $i (1 .. 16) {
    $agent->post("$path/messages", {client_msg_id => "l-$i", text => $long});
}

my $socket = IO::Socket::INET->new(Proto => 'tcp') or die "no socket: $!\n";
setsockopt $socket, SOL_SOCKET, SO_RCVBUF, 4096;
connect $socket, pack_sockaddr_in($nginx->port, inet_aton('127.0.0.1'))
    or die "cannot connect: $!\n";
syswrite $socket, "GET /support/v1/stream?conversation=$conversation"
    . "&since=$next&wait=40 HTTP/1.1\r\nHost: localhost\r\n"
    . "Authorization: Bearer " . agent_token('dana')
    . "\r\nConnection: close\r\n\r\n";

sysread $socket, my $bytes, 1 or die "no answer\n";

for my $i (1 .. 3) {
    is($agent->post("$path/messages",
                    {client_msg_id => "m-$i", text => 'more'})->status, 201,
       'a message while the answer of a poll goes out');
}

$bytes .= do { local $/; <$socket> };
is(scalar(() = $bytes =~ /HTTP\/1\.1 200/g), 1, 'there is one answer');
is(scalar(() = $bytes =~ /x{16000}/g), 16, 'which is whole');


$nginx->stop;
is(join('', grep { !/postgres|connection/i } $nginx->alarms), '',
   'nothing alarming in the log');

done_testing();
