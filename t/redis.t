# R5.  Messages between workers over Redis; Redis killed, frozen, restarted,
# flushed, cutting connections: sends, history and delivery go on, others
# catch up within two seconds, and it is used again by itself.  Then its ways
# in: users, wrong passwords, TLS, names.

use strict;
use warnings;

use IO::Socket::INET ();
use Test::More;
use Time::HiRes qw(time);
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Redis;


my $redis = ChatTest::Redis->new('redis');
my $address = $redis->start;
my $nginx = nginx($address);
my @workers = sort { $a <=> $b } $nginx->worker_pids;

sub nginx {
    my ($to, $more) = @_;

    return ChatTest::Nginx->new(
        workers => 2, http => "chat_redis $to;\n" . ($more // ''))->start;
}

sub status {
    my ($which, $name) = @_;

    my ($n) = $which->client->get('/status')->{body} =~ /^\Q$name\E (\S+)/m;
    return $n;
}

sub carries {
    my ($which, $seconds) = @_;
    return wait_until { status($which, 'chat_bus_ready') == 2 } $seconds // 30;
}

sub on {
    my ($worker, %who) = @_;

    my @others;

    return wait_until {
        my $one = $nginx->client(%who, keepalive => 1);

        return $one if $one->get('/support/v1/live')->header('X-Worker')
                       == $worker;

        # held, so that the next one is for another worker
        push @others, $one;
        return;
    };
}


ok(carries($nginx), 'Redis carries messages for both workers');
is(status($nginx, 'chat_redis_ready'), 2, 'both are connected');
is(scalar(grep { /name=nginx-chat-\d+-(?:commands|subscriptions) / }
          $redis->say('CLIENT LIST')), 4,
   'by two connections each, which have names');

my $conversation = conversation('alice', 'hello');
my $path = "/support/v1/conversations/$conversation";
my $agent = on($workers[0], agent => 'dana');
my $visitor = on($workers[1], visitor => 'alice');
my $n = 0;


# The visitor sends on one worker while the agent polls on the other: what is
# wrong, or how long it took to get there.

sub deliver {
    my ($when) = @_;

    my $text = "$when " . ++$n;
    my $next = $agent->get("$path/events")->json->{next};
    my $poll = $agent->start('GET', '/support/v1/stream?wait=25&conversation='
                                    . "$conversation&since=$next");
    wait_until { status($nginx, 'chat_polls') == 1 };

    my $sent = $visitor->start('POST', "$path/messages", json => {
        client_msg_id => "m-$n", text => $text});
    my $began = time;

    $sent->wait->status == 201 or return 'the send was refused';
    $sent->took < 1.8 or return 'the send took ' . $sent->took;

    my $answer = $poll->wait->json;
    my $took = time - $began;

    $answer->{events}[0]{text} eq $text or return 'the poll had another one';
    $visitor->get("$path/events")->json->{events}[-1]{text} eq $text
        or return 'it is not in the history';

    return $took;
}

sub delivers {
    my ($when, $limit) = @_;

    my $took = deliver($when);
    # the limit is that of a machine with nothing else to do
    ok($took =~ /^[\d.e-]+$/ && $took < 5 * $limit, "$when: delivered")
        or diag $took;
}

sub carried {
    my ($when) = @_;

    my $reads = status($nginx, 'chat_gap_reads_total');
    delivers($when, 1);
    is(status($nginx, 'chat_gap_reads_total'), $reads,
       "$when: as a whole, nothing was read for it");
}


carried('at first');

cmp_ok(status($nginx, 'chat_deliver_seconds_count'), '>', 0,
       'deliveries are timed');
cmp_ok(status($nginx, 'chat_deliver_seconds_sum'), '<', 60,
       'from when the event was stored, also on another worker');

# one of more than 8 KiB travels as a hint
{
    my $next = $agent->get("$path/events")->json->{next};
    my $poll = $agent->start('GET', '/support/v1/stream?wait=25&conversation='
                                    . "$conversation&since=$next");
    wait_until { status($nginx, 'chat_polls') == 1 };
    is($visitor->post("$path/messages", {client_msg_id => 'long',
                                         text => 'x' x 16000})->status, 201,
       'a long one is sent');
    is(length $poll->wait->json->{events}[0]{text}, 16000, 'and is there');
}

$redis->freeze;
delivers('just frozen', 2.2);
ok((wait_until { status($nginx, 'chat_bus_ready') == 0 }),
   'frozen: noticed');
delivers('frozen', 2.2);
ok((wait_until { status($nginx, 'chat_redis_ready') == 0 }),
   'frozen: given up');
delivers('frozen for long', 2.2);
$redis->thaw;
ok(carries($nginx), 'thawed: used again');
carried('thawed');

$redis->kill9;
delivers('just killed', 2.2);
delivers('killed', 2.2);
$redis->start;
ok(carries($nginx), 'started: used again');
carried('started');

$redis->say('FLUSHALL');
carried('flushed');

for my $type (qw(normal pubsub)) {
    $redis->say("CLIENT KILL TYPE $type");
    delivers("$type connections cut", 2.2);
    ok(carries($nginx), "$type connections cut: made again");
    carried("$type connections cut, and made again");
}

# another history is another set of channels
{
    my %old = map { $_ => 1 } grep { /:w$/ } $redis->say('PUBSUB CHANNELS *');
    psql('SELECT chat.new_epoch()');
    psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
         . "WHERE application_name = 'nginx-chat' AND usename = 'chat' "
         . 'AND pid <> pg_backend_pid()');
    ok((wait_until {
        my @now = grep { /:w$/ } $redis->say('PUBSUB CHANNELS *');
        @now == 1 && !$old{$now[0]};
    }), 'a new epoch has its own channels');
    $nginx->wait_ready;
    ok(carries($nginx), 'and is carried');
    carried('new epoch');
}

is_deeply([sort { $a <=> $b } $nginx->worker_pids], \@workers,
          'the workers are those of the start');


# Reload: the old workers' connections go with them.

$nginx->reload;
ok(carries($nginx), 'reloaded: the new workers are carried');
ok((wait_until {
    4 == grep { /name=nginx-chat-/ } $redis->say('CLIENT LIST')
}), 'and the old ones have left');
$nginx->stop;
is(scalar(grep { /name=nginx-chat-/ } $redis->say('CLIENT LIST')), 0,
   'nobody is left after the end');
is(join('', $nginx->alarms), '', 'nothing alarming in the log');


# A user with the rights that docs/operations.md names, and not one more.

my $rights = 'resetchannels &chat:* +auth +client|setname +publish '
             . '+subscribe +unsubscribe';
my ($socket) = $address =~ /^unix:(.*)/;
my $acl = join ' ', $redis->say("ACL SETUSER chat on >pa:ss\@wo/rd $rights",
                                'ACL SETUSER default off');

like($acl, qr/^\+OK \+OK$/, 'a user of Redis');
$nginx = nginx("unix://chat:pa%3Ass%40wo%2frd\@$socket");
ok(carries($nginx), 'a user with a password is let in');
$nginx->stop;

$nginx = nginx("unix://chat:wrong\@$socket");
ok((wait_until { grep { /refused AUTH: "WRONGPASS/ } $nginx->log_lines }),
   'a wrong password is said in the log');
is(scalar(grep { /wrong/ } $nginx->log_lines), 0, 'without the password');
is(status($nginx, 'chat_bus_ready'), 0, 'and nothing is carried');
is($nginx->client(visitor => 'alice')->get("$path/events")->status, 200,
   'and the chat works');
$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');
$redis->stop;


# TLS, with the certificate of an authority of our own.

my $dir = build_dir('redis-tls');

sub openssl {
    system("cd $dir && openssl @_ 2> openssl.log") == 0
        or die "openssl: @_\n" . qx(cat $dir/openssl.log);
}

openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=$_' "
        . "-keyout $_.key -out $_.crt") for qw(ca other);
openssl('req -newkey rsa:2048 -nodes -subj /CN=redis -keyout redis.key '
        . '-out redis.csr');
open my $ext, '>', "$dir/ext" or die;
print $ext "subjectAltName = DNS:redis.test, IP:127.0.0.1\n";
close $ext;
openssl('x509 -req -in redis.csr -CA ca.crt -CAkey ca.key -CAcreateserial '
        . '-days 2 -extfile ext -out redis.crt');

my $port = ChatTest::Nginx::free_port();
my $tls = ChatTest::Redis->new(
    'tls', '--tls-port', $port, '--bind', '127.0.0.1',
    '--tls-cert-file', "$dir/redis.crt", '--tls-key-file', "$dir/redis.key",
    '--tls-ca-cert-file', "$dir/ca.crt", '--tls-auth-clients', 'no');
$tls->start;

$nginx = nginx("rediss://127.0.0.1:$port ca=$dir/ca.crt");
ok(carries($nginx), 'TLS to an address');
$tls->kill9;
ok((wait_until { status($nginx, 'chat_bus_ready') == 0 }), 'killed');
$tls->start;
ok(carries($nginx), 'and back');
$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

sub refuses {
    my ($what, $to, $reason) = @_;

    my $other = nginx($to);
    ok((wait_until { grep { /$reason/ } $other->log_lines }), $what)
        or diag $other->tail;
    is(status($other, 'chat_redis_connects_total'), 0,
       "$what: not connected");
    $other->stop;
}

refuses('TLS with another authority', "rediss://127.0.0.1:$port "
        . "ca=$dir/other.crt", 'connection failed: .*certificate');
refuses('TLS with the authorities of the system', "rediss://127.0.0.1:$port",
        'connection failed: .*certificate');
refuses('TLS with another name', "rediss://localhost:$port ca=$dir/ca.crt",
        'connection failed: hostname mismatch');


# A name, by the resolver of nginx: a server that knows one.

my $dns = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1')
    or die "udp: $!\n";
my $resolver = fork // die "fork: $!\n";

if (!$resolver) {
    $SIG{TERM} = 'DEFAULT';

    while (defined(my $from = $dns->recv(my $question, 512))) {
        my ($id) = unpack 'n', $question;
        my ($name, $type) = substr($question, 12) =~ /^(.*?\0)(..)/s
            or next;
        my $known = $name eq "\5redis\4test\0" && $type eq "\0\1";

        $dns->send(pack('n6', $id, 0x8180, 1, $known ? 1 : 0, 0, 0)
                   . "$name$type\0\1"
                   . ($known ? pack('n3 N n C4', 0xc00c, 1, 1, 1, 4, 127, 0,
                                    0, 1) : ''), 0, $from);
    }

    exit 0;
}

my $resolve = 'resolver 127.0.0.1:' . $dns->sockport . ' ipv6=off;';

$nginx = nginx("rediss://redis.test:$port ca=$dir/ca.crt", $resolve);
ok(carries($nginx), 'a name that the resolver knows');
$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

refuses('a name that it does not', "redis://nobody.test:$port;\n$resolve#",
        'name could not be resolved');

kill 'TERM', $resolver;
waitpid $resolver, 0;
$tls->stop;

done_testing();
