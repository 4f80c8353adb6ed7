# Another module with its own copy of hiredis in the same nginx: loaded before
# ours or after it, each uses its own.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Redis;

my $nchan = '/usr/lib/nginx/modules/ngx_nchan_module.so';

# it fits the nginx that it is packaged with, and no other
plan skip_all => 'the packaged nchan loads into the packaged nginx only'
    if ($ENV{TEST_NGINX_BINARY} // 'nginx') =~ m{/objs/nginx$};

my $redis = ChatTest::Redis->new('redis');
my $address = $redis->start;
my $ours = $ENV{TEST_NGINX_LOAD_MODULES};
my $conversation = conversation('alice', 'hello');
my $path = "/support/v1/conversations/$conversation";
my $port = ChatTest::Nginx::free_port();
my $tcp = ChatTest::Redis->new('tcp', '--port', $port, '--bind', '127.0.0.1');
$tcp->start;

for my $order ("$nchan $ours", "$ours $nchan") {
    my ($first) = $order =~ m{([^/]+)\.so };

    local $ENV{TEST_NGINX_LOAD_MODULES} = $order;

    my $nginx = ChatTest::Nginx->new(workers => 2, http => <<"_HTTP_",
    chat_redis $address;
    upstream store { nchan_redis_server redis://127.0.0.1:$port; }
_HTTP_
        server => <<'_SERVER_')->start;
        location = /pub { nchan_publisher; nchan_channel_id c;
                          nchan_redis_pass store; }
        location = /sub { nchan_subscriber longpoll; nchan_channel_id c;
                          nchan_redis_pass store; }
_SERVER_

    my $status = sub {
        my ($n) = $nginx->client->get('/status')->{body}
                        =~ /^chat_bus_ready (\d+)/m;
        return $n;
    };

    ok((wait_until { $status->() == 2 }),
       "$first first: our Redis is used");

    my @workers = sort $nginx->worker_pids;

    my $published = sub {
        wait_until {
            my $answer = $nginx->client->request('POST', '/pub',
                body => 'text', type => 'text/plain');
            $answer->status =~ /^20[12]$/;
        };
    };

    ok($published->(), 'a message of nchan is published');
    is($nginx->client->get('/sub')->{body}, 'text', 'and received');

    my $agent = $nginx->client(agent => 'dana');
    my $next = $agent->get("$path/events")->json->{next};
    my @polls = map {
        $agent->start('GET', "/support/v1/stream?wait=25&since=$next"
                             . "&conversation=$conversation")
    } 1 .. 6;
    is($nginx->client(visitor => 'alice')->post("$path/messages", {
        client_msg_id => $first, text => $first})->status, 201,
       'a message of ours is sent');
    is(scalar(grep { $_->wait->json->{events}[0]{text} eq $first } @polls),
       6, 'and delivered on both workers');

    $redis->kill9;
    ok((wait_until { $status->() == 0 }), 'our Redis is killed');
    $redis->start;
    ok((wait_until { $status->() == 2 }), 'and used again');
    ok($published->(), 'and nchan has its own');

    is_deeply([sort $nginx->worker_pids], \@workers, 'no worker has died');
    $nginx->stop;
    is(join('', grep { /chat/i } $nginx->alarms), '',
       'nothing alarming of ours in the log');
}

$_->stop for $redis, $tcp;
done_testing();
