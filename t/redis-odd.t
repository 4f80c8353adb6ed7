# R5.  Whatever a Redis answers is data: no worker dies, messages are delivered
# without it, and once it is right again it is used again.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use ChatTest;
use ChatTest::FakeRedis;
use ChatTest::Nginx;


# Text at once, or an answer to each command.

sub error {
    my ($text) = @_;
    return sub { "-$text\r\n" };
}

# As it should be, but for one command.

sub but {
    my ($command, $answer) = @_;

    return sub {
        my ($got, @args) = @_;

        return $answer if $got eq $command;
        return join '', map { "*3\r\n" . ChatTest::FakeRedis::bulk(
                                  'subscribe', $_) . ":1\r\n" } @args
            if $got eq 'SUBSCRIBE';
        return $got eq 'PUBLISH' ? ":0\r\n" : "+OK\r\n";
    };
}


my @odd = (
    ['loading', error('LOADING Redis is loading the dataset in memory')],
    ['readonly', error('READONLY You can\'t write against a replica.')],
    ['noauth', error('NOAUTH Authentication required.')],
    ['noperm', error('NOPERM this user has no permissions')],
    ['moved', error('MOVED 3999 127.0.0.1:6381')],
    ['oom', error('OOM command not allowed when used memory > maxmemory')],
    ['oom later', but('PUBLISH', "-OOM command not allowed\r\n")],
    ['noperm later', but('SUBSCRIBE', "-NOPERM no access to channels\r\n")],
    ['empty error', error('')],
    ['closed', 'close'],
    ['garbage', "\0\377HTTP/1.1 400 Bad Request\r\n\r\n"],
    ['half', "\$100\r\nabcclose"],
    ['half a message', "+OK\r\n*3\r\n\$7\r\nmessage\r\n\$5\r\nabclose"],
    ['half a line', "+OK"],
    ['long text', "\$2147483647\r\n" . 'x' x 200_000],
    ['longest text', "\$9223372036854775807\r\nx"],
    ['longer text', "\$18446744073709551616\r\nx"],
    ['negative text', "\$-2\r\n"],
    ['no number', "\$abc\r\n"],
    ['long line', '+' . 'x' x 200_000],
    ['long array', "*2147483647\r\n" . ":1\r\n" x 1000],
    ['longest array', "*9223372036854775807\r\n"],
    ['negative array', "*-2\r\n"],
    ['nested', "*1\r\n" x 200],
    ['empty array', sub { "*0\r\n" }],
    ['no array', sub { "*-1\r\n" }],
    ['no text', sub { "\$-1\r\n" }],
    ['numbers', sub { ":-1\r\n" }],
    ['array of numbers', sub { "*3\r\n:1\r\n:2\r\n:3\r\n" }],
    ['message without text', sub { "+OK\r\n*3\r\n\$7\r\nmessage\r\n"
                                   . "\$-1\r\n\$-1\r\n" }],
    ['other channels', but('SUBSCRIBE', "*3\r\n\$9\r\nsubscribe\r\n"
                           . "\$5\r\nother\r\n:1\r\n" x 3)],
    ['too many answers', sub { "+OK\r\n" x 50 }],
    ['RESP3 push', ">3\r\n\$7\r\nmessage\r\n\$1\r\na\r\n\$1\r\nb\r\n"],
    ['RESP3 map', "%1\r\n+a\r\n+b\r\n"],
    ['RESP3 null', "_\r\n"],
    ['RESP3 boolean', "#t\r\n"],
);

my $redis = ChatTest::FakeRedis->new('redis', @odd);
my $nginx = ChatTest::Nginx->new(
    workers => 2, http => 'chat_redis ' . $redis->address . ';')->start;
my @workers = sort $nginx->worker_pids;

sub bus_ready {
    my ($n) = $nginx->client->get('/status')->{body}
                    =~ /^chat_bus_ready (\d+)/m;
    return $n;
}

my $conversation = conversation('alice', 'hello');
my $path = "/support/v1/conversations/$conversation";
my $agent = $nginx->client(agent => 'dana');
my $visitor = $nginx->client(visitor => 'alice');


# Until each of them was had by both roles, messages are sent and delivered.

my $deadline = time + 120;
my ($sent, $late, $refused) = (0, 0, 0);

while (time < $deadline) {
    my %had = map { $_ => 1 } $redis->served;
    last if $had{'pub over'} && $had{'sub over'};

    my $next = $agent->get("$path/events")->json->{next};
    my @polls = map {
        $agent->start('GET', '/support/v1/stream?wait=25&conversation='
                             . "$conversation&since=$next")
    } 1 .. 4;

    $refused++ if $visitor->post("$path/messages", {
        client_msg_id => "odd-$sent", text => "message $sent"})->status != 201;
    my $began = time;

    for (@polls) {
        my $answer = $_->wait->json;
        $late++ if time - $began > 10
                   || $answer->{events}[0]{text} ne "message $sent";
    }

    $sent++;
}

my %had = map { $_ => 1 } $redis->served;

for my $odd (@odd) {
    is(join(',', grep { $had{"$_ $odd->[0]"} } qw(pub sub)), 'pub,sub',
       "$odd->[0]: both connections had it");
}

cmp_ok($sent, '>', 5, 'messages were sent meanwhile');
is($refused, 0, 'each was acknowledged');
is($late, 0, 'and delivered within two seconds');
is(bus_ready(), 0, 'no worker takes it for a Redis');

$redis->honest;
ok((wait_until { bus_ready() == 2 }), 'right again, it is used again');

is_deeply([sort $nginx->worker_pids], \@workers, 'no worker has died');

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

$redis->stop;
done_testing();
