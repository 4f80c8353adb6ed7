# The main paths under valgrind, over PostgreSQL and over Redis, in two
# generations of workers: no error, and nothing lost for certain, in any
# process.  "make valgrind" runs it.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use ChatTest;
use ChatTest::Nginx;
use ChatTest::Redis;
use ChatTest::WebSocket;

my $dir = build_dir('valgrind');
my $suppressions = abs_path(dirname(__FILE__) . '/nginx.supp');

# sign-in compares a real hash: this is of "correct horse"
my $password = '$scrypt$ln=15,r=8,p=3$AAECAwQFBgcICQoLDA0ODw'
               . '$ANYWwrwG9exM4wRn3uDhnkTuLMG27uj4k9dz5KrBPkg';

agent('vera', email => 'vera@a.test', password => $password);

unlink glob "$dir/log.*";
wrap("$dir/nginx");

my ($nginx, $client);
my $redis = ChatTest::Redis->new('redis');

for my $carrier ('', 'chat_redis ' . $redis->start . ';') {
    generations($carrier);
}

$redis->stop;

my @logs = glob "$dir/log.*";
cmp_ok(scalar @logs, '>=', 10, 'each process has left its report');
clean($_) for @logs;

done_testing();


sub generations {
    my ($http) = @_;

    # a note of a stream that is drained takes its time
    $nginx = ChatTest::Nginx->new(ready => 0, http => "$http chat_drain 2s;");
    $nginx->start;
    $client = $nginx->client(prefix => '/support');

    ok(ready(), 'ready' . ($http && ', with Redis'));
    first_generation($http);
    my @streams = streams();

    my %old = map { $_ => 1 } workers();
    $nginx->signal('HUP');
    ok(wait_until(sub {
        my @now = workers();
        $_->poll for @streams;
        @now == 2 && !grep $old{$_}, @now;
    }, 120), 'reloaded');
    is_deeply([map { $_->closed } grep { !$_->{http} } @streams],
              [(1012) x 2], 'WebSockets are told to come again');
    ok(ready(), 'ready again');
    is(talk("after the reload $http")->status, 201,
       'a message after the reload');

    my $last = socket_of('visitor', 'val');
    $redis->stop if $http;
    is(talk("without Redis $http")->status, 201, 'a message without Redis')
        if $http;
    $redis->start if $http;
    $last->close;
    is($last->closed, 1005, 'a close frame is answered');

    $nginx->stop;
    is_deeply([$nginx->alarms], [], 'no alarms in error.log');
}


sub socket_of {
    my ($kind, $label, %opt) = @_;
    return ChatTest::WebSocket->new(port => $nginx->port, $kind => $label,
                                    %opt);
}


# WebSockets and streams of events, left open: two of the former, then one of
# the latter.

sub streams {
    my $id = conversation('val', 'hello', 'again');
    my $hello = socket_of('path', '/support/v1/stream');

    $hello->ask(type => 'hello', token => agent_token('vera'));
    my $agent = socket_of('agent', 'vera');
    my $visitor = socket_of('visitor', 'val');

    my $answer = $visitor->ask(type => 'subscribe', conversation => $id,
                               since => cursor(1));
    is(scalar @{$answer->{events}}, 1, 'a WebSocket, from a cursor');
    $agent->ask(type => 'subscribe', inbox => {status => 'open'});
    $agent->ask(type => 'subscribe', conversation => $id);

    my $events = $client->start('GET', "/v1/stream?conversation=$id",
        headers => ['Accept: text/event-stream'], timeout => 60,
        token => visitor_token('val'));
    my $gone = $client->start('GET', "/v1/stream?conversation=$id&since="
        . cursor(1), headers => ['Accept: text/event-stream'],
        token => visitor_token('val'));

    is($agent->ask(type => 'send', conversation => $id, text => 'hi',
                   client_msg_id => "w-$id")->{seq}, 3, 'sends');
    is($visitor->next('message')->{text}, 'hi', 'it arrives');
    $agent->send(type => 'typing', conversation => $id, on => JSON::PP::true);
    is($visitor->next('typing')->{type}, 'typing', 'typing');
    $visitor->send(type => 'read', conversation => $id, seq => 3);
    is($agent->next('read')->{type}, 'read', 'a read mark');
    is($agent->ask(type => 'send', conversation => $id)->{code},
       'invalid_field', 'a frame without its fields');
    is($agent->ask(type => 'unsubscribe', inbox => JSON::PP::true)->{type},
       'unsubscribed', 'the inbox no more');

    ok(wait_until(sub { $events->poll; $events->{bytes} =~ /"text":"hi"/ }),
       'a stream of events has it');
    ok(wait_until(sub { $gone->poll; $gone->{bytes} =~ /"text":"hi"/ }),
       'another too');
    $gone->abort;

    my $ticket = $client->request('POST', '/v1/ticket',
        token => agent_token('vera'), timeout => 60)->json->{ticket};
    my $by = socket_of('protocol', "chat.v1, ticket.$ticket");
    is($by->status, 101, 'a ticket');
    $by->send_frame("\xff\xff");
    is($by->closed, 1007, 'no UTF-8');

    $hello->send_frame('{');
    is($hello->closed, 4400, 'no JSON');
    socket_of('visitor', 'val')->abort;

    $events->{http} = 1;
    return ($agent, $visitor, $events);
}


# a program that runs nginx under valgrind

sub wrap {
    my ($path) = @_;
    my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';

    open my $out, '>', $path or die "cannot write $path: $!\n";
    print $out <<"_END_";
#!/bin/sh
exec valgrind -q --log-file=$dir/log.%p --leak-check=full \\
     --show-leak-kinds=definite --errors-for-leak-kinds=definite \\
     --keep-debuginfo=yes --suppressions=$suppressions \\
     $binary "\$@"
_END_
    close $out;
    chmod 0755, $path;

    $ENV{TEST_NGINX_BINARY} = $path;
}


sub workers {
    my $master = $nginx->master // return;

    return split ' ', `ps -o pid= --ppid $master`;
}


sub ready {
    return wait_until(sub {
        my $answer = eval { $client->get('/v1/ready', timeout => 30) };
        return $answer && $answer->status == 200;
    }, 60);
}


sub talk {
    my ($text) = @_;

    return $client->post('/v1/conversations',
                         {client_msg_id => uuid($text), text => $text},
                         token => visitor_token('val'), timeout => 30);
}


sub first_generation {
    my ($http) = @_;

    my %slow = (timeout => 60);

    is($client->get('/w.js', %slow)->status, 200, 'the loader');
    is($client->post('/v1/session', {mode => 'bearer'}, %slow)->status, 200,
       'a session');
    is($client->request('POST', '/v1/conversations', body => '{"text":',
                        type => 'application/json',
                        token => visitor_token('val'), %slow)->status, 400,
       'malformed JSON');
    is($client->get('/v1/nothing', %slow)->status, 404, 'unknown route');

    my $created = talk("hello $http");
    is($created->status, 201, 'a conversation');

    my ($id, $next) = @{$created->json}{qw(id next)};
    my $path = "/v1/conversations/$id";

    my $signed = $client->post('/v1/agent/session',
        {email => 'vera@a.test', password => 'correct horse',
         mode => 'bearer'}, %slow);
    is($signed->status, 200, 'an agent signs in');

    my %agent = (token => $signed->json->{token}, %slow);
    my %visitor = (token => visitor_token('val'), %slow);

    my $waiting = $client->start('GET',
        "/v1/stream?conversation=$id&since=$next&wait=30", %visitor);
    my $abandoned = $client->start('GET',
        "/v1/stream?conversation=$id&since=$next&wait=30", %visitor);
    $abandoned->poll;

    is($client->post("$path/messages",
                     {client_msg_id => 'a1', text => 'hi'}, %agent)->status,
       201, 'the answer');
    $abandoned->abort;

    my $events = $waiting->wait(60)->json->{events};
    is($events->[0]{text}, 'hi', 'it arrives');

    is($client->get("$path/events", %visitor)->status, 200, 'the record');
    is($client->get('/v1/conversations', %agent)->status, 200, 'the inbox');
    is($client->post("$path/read", {seq => 2}, %visitor)->status, 204,
       'a read mark');
    is($client->patch($path, {status => 'resolved'}, %agent)->status, 200,
       'a change');
    is($client->delete('/v1/agent/session', %agent)->status, 204,
       'the agent signs out');
    is($client->get($path, %agent)->status, 401, 'and is gone');
    is($nginx->client->get('/status', %slow)->status, 200, 'counters');
}


sub clean {
    my ($log) = @_;

    open my $in, '<', $log or die "$log: $!\n";
    my $report = do { local $/; <$in> } // '';

    # with -q only errors and losses are reported
    ok($report !~ /\S/, "$log is empty") or diag($report);
}
