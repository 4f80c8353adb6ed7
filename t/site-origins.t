# Origins of other pages that the settings of a site name: who may name them,
# which, and what they get; in every worker, through reloads and outages.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Postgres;
use ChatTest::WebSocket;

my $shop = 'https://shop.test';
my $listed = 'https://listed.test';
my $root = agent('root', role => 'admin');
my $other = site() . '-other';

agent('sam', role => 'supervisor');

my $nginx = ChatTest::Nginx->new(workers => 2, http => 'chat_drain 1s;',
    server => <<"_SERVER_")->start;
        location /both/ { chat on; chat_origin settings $listed; }
        location /only/ { chat on; chat_origin $listed; }
        location /none/ { chat on; chat_origin none; }
        location /other/ { chat on; chat_site $other; }
_SERVER_
my $desk = $nginx->client(agent => 'root');

sub is_like {
    my ($got, $want, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(contains($got, $want), undef, $name) or diag(explain($got));
}

sub preflight {
    my ($client, $origin, $prefix) = @_;

    return $client->request('OPTIONS', ($prefix // '/support/')
        . 'v1/session', headers => ["Origin: $origin",
        'Access-Control-Request-Method: POST',
        'Access-Control-Request-Headers: content-type']);
}

sub settings {
    my (%settings) = @_;
    my $version = $desk->get('/support/v1/site')->json->{version};

    return $desk->patch('/support/v1/site',
                        {version => $version, %settings});
}

sub stored {
    return json_decode(psql("SELECT coalesce(settings -> 'origins', 'null')
                               FROM chat.site WHERE id = " . site_id()));
}

# Until a preflight from there is answered like that by each worker: how long
# that took.

sub told {
    my ($origin, $status) = @_;
    my $began = time;

    for my $worker ($nginx->worker_pids) {
        my $client = $nginx->on($worker);

        wait_until { preflight($client, $origin)->status == $status } 30
            or return;
    }

    return time - $began;
}


# A site that names none.

my ($one, $two) = map { $nginx->on($_) } $nginx->worker_pids;

is_deeply([map { preflight($_, $shop)->status } $one, $two], [403, 403],
          'none is allowed');
is($one->get('/support/w.js')->header('Cross-Origin-Resource-Policy'),
   'same-origin', 'nor may a page of another origin load the widget');
is_like($nginx->client(agent => 'sam')->get('/support/v1/site')->json,
        {origins => undef}, 'as the settings say');


# Who names them, and how.

my @named = ('HTTPS://Shop.Test:443', 'http://localhost:3000',
             'http://[2001:DB8::1]:8080');
my @origins = ($shop, 'http://localhost:3000', 'http://[2001:db8::1]:8080');

is($nginx->client(agent => 'sam')->patch('/support/v1/site',
       {version => 1, origins => \@named})->status, 403,
   'not by a supervisor');

my $answer = settings(origins => \@named, title => 'Ask us');

is($answer->status, 200, 'by an administrator');
is_deeply($answer->json->{origins}, \@origins, 'as browsers write them');
is_deeply(stored(), \@origins, 'stored so');
is(psql("SELECT data ->> 'origins' = '" . json_encode(\@origins) =~ s/,/, /gr
        . "' FROM chat.audit WHERE action = 'site_change'
        AND actor = '$root' AND site = " . site_id()), 't',
   'the audit log has them');

for (['no array' => $shop], ['an object' => {a => $shop}],
     ['no string' => [7]], ['null' => [undef]], ['empty' => ['']],
     ['a path' => ["$shop/"]], ['a wildcard' => ['*']],
     ['a wildcard in a name' => ['https://*.shop.test']],
     ['opaque' => ['null']], ['another scheme' => ['ftp://shop.test']],
     ['no scheme' => ['shop.test']], ['a user' => ['https://me@shop.test']],
     ['a query' => ["$shop?a"]], ['no port' => ["$shop:"]],
     ['a port of 0' => ["$shop:0"]], ['a high port' => ["$shop:65536"]],
     ['a blank' => ["$shop http://b.test"]], ['not ASCII' => ["https://\x{e9}.test"]],
     ['too long' => ['https://' . 'a' x 300 . '.test']],
     ['one among others' => [$shop, '*']],
     ['too many' => [map { "https://$_.test" } 1 .. 21]])
{
    my ($name, $origins) = @$_;
    my $wrong = settings(origins => $origins);

    is($wrong->status, 422, $name);
    is_like($wrong->json, {code => 'invalid_field', field => 'origins'},
            "$name: is told");
}

is_deeply(stored(), \@origins, 'what is wrong changes nothing');

for my $wrong ('"https://shop.test"', '["https://Shop.test"]',
               '["https://shop.test:443"]', '["http://shop.test:80"]',
               '["https://shop.test:99999"]', '["https://shop.test/"]',
               '[["https://shop.test"]]', '[null]')
{
    is(psql("SELECT chat.settings_error('{\"origins\": $wrong}')"),
       'origins', "nor can operators store $wrong");
}

is(settings(origins => [map { "https://$_.test" } 1 .. 19, 'shop'])->status,
   200, '20 are not too many');


# What pages of them get.

my $took = told($shop, 204);

ok(defined $took, 'every worker knows them') or die $nginx->tail;
cmp_ok($took, '<', 15, 'soon');

$answer = preflight($one, $shop);
is($answer->header('Access-Control-Allow-Origin'), $shop, 'a preflight');
is($answer->header('Access-Control-Allow-Credentials'), undef,
   'without credentials');

my @from = (headers => ["Origin: $shop"]);

$answer = $nginx->client->post('/support/v1/session', {mode => 'bearer'},
                               @from);
is($answer->status, 200, 'a session');
is($answer->header('Access-Control-Allow-Origin'), $shop, 'that it can read');
like($answer->header('Vary'), qr/Origin/, 'which depends on the origin');
is_like($answer->json, {site => {title => 'Ask us', origins => '!'}},
        'a visitor is not told of them');

$answer = $nginx->client->get('/support/w.js');
is($answer->header('Cross-Origin-Resource-Policy'), 'cross-origin',
   'the widget');
like($answer->header('Vary'), qr/Origin/, 'is kept for each origin');
is($nginx->client->get('/support/w.js', @from)
         ->header('Access-Control-Allow-Origin'), $shop, 'and read');
is($nginx->client->get('/support/console/', @from)
         ->header('Cross-Origin-Resource-Policy'), 'same-origin',
   'not the console');

my $cookie = 'Cookie: chat-visitor-' . site() . '=' . visitor_token('ann');
my %ws = (port => $nginx->port, headers => [$cookie, "Origin: $shop"]);

is(ChatTest::WebSocket->new(%ws)->status, 101, 'a WebSocket');
is($nginx->client->post('/support/v1/conversations', {client_msg_id => 'a',
       text => 'hello'}, headers => [$cookie, "Origin: $shop"])->status, 403,
   'a cookie writes from the own origin alone');

is(preflight($one, $_)->status, 403, "not $_")
    for "$shop:8443", 'http://shop.test', 'https://shop.test.evil.test',
        'https://evil.test', 'HTTPS://SHOP.TEST', 'null', "$shop http";

is(preflight($one, $shop, '/other/')->status, 403, 'nor at another site');


# The operator has the last word.

is(preflight($one, $shop, '/none/')->status, 403, 'none is none');
is(preflight($one, $shop, '/only/')->status, 403,
   'a list leaves the settings out');
is(preflight($one, $listed, '/only/')->status, 204, 'and has its own');
is(preflight($one, $_, '/both/')->status, 204, "both: $_")
    for $shop, $listed;
is(preflight($one, $listed)->status, 403, 'at its place alone');
is($one->get('/none/w.js')->header('Cross-Origin-Resource-Policy'),
   'same-origin', 'none: nor the widget');
is(ChatTest::WebSocket->new(%ws, path => '/none/v1/stream')->status, 403,
   'none: nor a WebSocket');


# A reload.

my %old = map { $_ => 1 } $nginx->worker_pids;
my %answers;

$nginx->signal('HUP');

ok((wait_until {
    my $answer = eval { preflight($nginx->client, $shop) };

    $answers{$answer ? $answer->status : 'none'}++;

    my @now = $nginx->worker_pids;
    @now == 2 && !grep { $old{$_} } @now;
}), 'a reload');
$answers{preflight($nginx->client, $shop)->status}++ for 1 .. 10;
is_deeply([keys %answers], [204], 'refuses nobody') or diag(explain(\%answers));
ok(defined told($shop, 204), 'every new worker knows them');


# They are taken away, by whomever.

psql("UPDATE chat.site SET settings = settings || '{\"origins\":
    [\"http://b.test\"]}' WHERE id = " . site_id());
ok(defined told($shop, 403), 'one that is taken away is refused');
ok(defined told('http://b.test', 204), 'another is allowed');

is_like(settings(origins => undef)->json, {origins => undef},
        'all are taken away');
ok(defined told('http://b.test', 403), 'none is allowed');
is($nginx->client->get('/support/w.js')
         ->header('Cross-Origin-Resource-Policy'), 'same-origin',
   'nor the widget');
$nginx->stop;
is_deeply([$nginx->alarms], [], 'nginx had no trouble');


# PostgreSQL is absent at the start, and comes, and goes.

my $postgres = ChatTest::Postgres->new('own');
my $conninfo = $postgres->start;
my $late = ChatTest::Nginx->new(workers => 1, postgres => $conninfo,
    http => 'chat_drain 1s;',
    server => "location /both/ { chat on; chat_origin settings $listed; }")
    ->start;

is(psql("SELECT outcome FROM chat.site_settings_put_1('" . site()
        . "', '{\"origins\": [\"$shop\"]}')", $conninfo), 'ok',
   'origins by the operator');
$late->stop;
$postgres->stop;
$late->{ready} = 0;
$late->start;

my $client = $late->client;

$answer = preflight($client, $shop);
is($answer->status, 503, 'nobody knows yet: a preflight');
like($answer->header('Retry-After'), qr/^[1-9]\d*$/, 'may come again');
is($client->get('/support/w.js', @from)->status, 503, 'a file');
is($client->get('/support/w.js', headers => ['Origin: http://localhost'])
          ->status, 200, 'of the own origin');
$answer = $client->get('/support/w.js');
is($answer->status, 200, 'of nobody knows which');
is($answer->header('Cross-Origin-Resource-Policy'), 'cross-origin',
   'may be embedded');
is(preflight($client, $listed, '/both/')->status, 204,
   'what the configuration lists is known');

$postgres->start;
$late->wait_ready;
is(preflight($client, $shop)->status, 204, 'PostgreSQL is there');
is(preflight($client, 'https://evil.test')->status, 403, 'now it is known');

$postgres->stop;
ok((wait_until { $client->get('/support/v1/ready')->status == 503 }),
   'PostgreSQL is gone');
is(preflight($client, $shop)->status, 204, 'the last ones hold');
is(preflight($client, 'https://evil.test')->status, 403, 'and no other');
$postgres->start;
$late->wait_ready;


# A worker that is new and has to wait: it refuses nothing for good.

%answers = ();

ok((wait_until {
    $postgres->freeze;
    $late->reload;

    my $call = $late->client->start('OPTIONS', '/support/v1/session',
                                    headers => ["Origin: $shop"]);

    $postgres->thaw;

    my $status = $call->wait->status;

    $answers{$status}++;
    $status == 204;
} 60), 'a preflight waits for the connection of a new worker');
delete @answers{204, 503};
is_deeply(\%answers, {}, 'and is not refused meanwhile');

$late->stop;
is_deeply([$late->alarms], [], 'nginx had no trouble');
done_testing();
