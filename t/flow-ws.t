# The stream as a WebSocket: subscribe, send, resume, live over two workers.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time sleep);
use ChatTest;
use ChatTest::Nginx;
use ChatTest::WebSocket;

my $nginx = ChatTest::Nginx->new(workers => 2,
    http => 'chat_drain 1s; log_format t "$status $chat_transport $chat_role $chat_action";'
            . ' access_log logs/t.log t;')->start;

sub ws { return ChatTest::WebSocket->new(port => $nginx->port, @_) }

sub is_like {
    my ($got, $want, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(contains($got, $want), undef, $name) or diag(explain($got));
}

my $true = JSON::PP::true;
my $false = JSON::PP::false;


# The handshake.

my $alice = ws(visitor => 'alice');
is($alice->status, 101, 'a visitor may upgrade') or diag($alice->{head}, $alice->{in});
is($alice->header('Sec-WebSocket-Protocol'), 'chat.v1', 'with chat.v1');
is($alice->header('Sec-WebSocket-Extensions'), undef, 'without compression');
is_like($alice->next, {type => 'welcome', version => 1, heartbeat => 25,
                       now => '~^2.*Z$', max_message => 16384}, 'welcome');

is(ws(visitor => 'alice', protocol => undef)->status, 101,
   'a subprotocol need not be asked for');
is(ws(visitor => 'alice', protocol => 'graphql-ws')->status, 400,
   'another one is refused');
is(ws(visitor => 'alice', headers => ['Sec-WebSocket-Extensions: '
       . 'permessage-deflate; client_max_window_bits'])
       ->header('Sec-WebSocket-Extensions'), undef, 'deflate is declined');
is(ws(token => 'x' x 92)->status, 401, 'a token that is none is refused');

my $plain = $nginx->client;
for ([426 => 0, 'Sec-WebSocket-Version: 8',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='],
     [400 => 1, 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAA'],
     [400 => 1, 'Sec-WebSocket-Version: 13'])
{
    my ($status, $n, @headers) = @$_;
    my $call = ChatTest::Client->new(port => $nginx->port);
    my $answer = $call->get('/support/v1/stream', headers => [
        'Connection: Upgrade', 'Upgrade: websocket', @headers]);
    is($answer->status, 400, "a handshake that is none: $headers[0]");
    is($answer->json->{code}, 'bad_handshake', 'as a problem');
}


# Subscribing, and what comes then.

my $talk = conversation('alice', 'one', 'two');
my $dana = ws(agent => 'dana');

my $answer = $alice->ask(type => 'subscribe', conversation => $talk);
is_like($answer, {type => 'subscribed', conversation => $talk,
                  complete => $true, more => $false, next => cursor(2),
                  events => [{seq => 1, text => 'one'},
                             {seq => 2, text => 'two'}],
                  state => {read => {}}}, 'subscribed with the last events');

is_like($dana->ask(type => 'subscribe', conversation => $talk,
                   since => cursor(1)),
        {complete => $true, events => [{seq => 2}], next => cursor(2)},
        'an agent, from a cursor');

is_like($dana->ask(type => 'send', conversation => $talk,
                   client_msg_id => 'd-1', text => "hi\r\nAlice"),
        {type => 'sent', client_msg_id => 'd-1', seq => 3,
         duplicate => $false, created_at => '*'}, 'sent');
is_like($dana->ask(type => 'send', conversation => $talk,
                   client_msg_id => 'd-1', text => 'again'),
        {type => 'sent', seq => 3, duplicate => $true}, 'a repeat');
is_like($alice->next('message'), {conversation => $talk, seq => 3,
                                  text => "hi\nAlice",
                                  sender => {kind => 'agent'}}, 'arrives');
is_like($dana->next('message'), {seq => 3}, 'also at who has sent it');

$alice->send(type => 'send', conversation => $talk, client_msg_id => "a-$_",
             text => "n $_", ref => "r$_") for 1 .. 100;
is_deeply([map { $alice->next('sent')->{seq} } 1 .. 100], [4 .. 103],
          'sends of one connection are stored in their order');
is_deeply([map { $dana->next('message')->{seq} } 1 .. 100], [4 .. 103],
          'and arrive in it');


# Notes stay with the agents.

my $carl = ws(agent => 'carl');
$carl->ask(type => 'subscribe', conversation => $talk);
is_like($dana->ask(type => 'send', conversation => $talk,
                   client_msg_id => 'note', text => 'secret',
                   visibility => 'internal'), {seq => 104}, 'a note');
is_like($carl->next('message'), {seq => 104, visibility => 'internal'},
        'reaches an agent');
is_like($dana->ask(type => 'send', conversation => $talk,
                   client_msg_id => 'd-2', text => 'public'),
        {seq => 105}, 'and a message');
my @seen;
while (my $m = $alice->next('message')) {
    push @seen, $m;
    last if $m->{seq} == 105;
}
is(scalar(grep { $_->{visibility} ne 'public' } @seen), 0,
   'no note reaches the visitor');
is($seen[-1]{seq}, 105, 'the message does');
my $again = ws(visitor => 'alice');
is_like($again->ask(type => 'subscribe', conversation => $talk,
                    since => cursor(103)),
        {events => [{seq => 105}], next => cursor(105)},
        'nor when she resumes');
is_like($alice->ask(type => 'send', conversation => $talk,
                    client_msg_id => 'n', text => 'x',
                    visibility => 'internal'),
        {type => 'error', code => 'forbidden'}, 'she cannot write one');


# State.

$dana->send(type => 'read', conversation => $talk, seq => 104);
is_like($alice->next('read'), {conversation => $talk, upto => 103,
                               sender => {kind => 'agent'}},
        'a read mark, as the visitor may see it');
$dana->send(type => 'typing', conversation => $talk, on => $true);
is_like($alice->next('typing'), {on => $true, sender => {kind => 'agent'}},
        'typing');


# Errors keep the connection.

my %errors = (
    'an unknown type' => [{type => 'dance'},
                          {code => 'invalid_field', field => 'type'}],
    'a missing field' => [{type => 'send', conversation => $talk},
                          {code => 'invalid_field',
                           field => 'client_msg_id'}],
    'an unknown field' => [{type => 'heartbeat', extra => 1},
                           {code => 'invalid_field', field => 'extra'}],
    'an empty text' => [{type => 'send', conversation => $talk,
                         client_msg_id => 'e', text => ' '},
                        {code => 'invalid_field', field => 'text'}],
    'an unknown conversation' => [{type => 'subscribe',
                                   conversation => uuid('nobody')},
                                  {code => 'not_found'}],
    'an id that is none' => [{type => 'subscribe', conversation => 'x'},
                             {code => 'not_found'}],
    'a cursor that is none' => [{type => 'subscribe', conversation => $talk,
                                 since => 'x'},
                                {code => 'invalid_field',
                                 field => 'since'}],
    "somebody else's conversation" => [{type => 'send', text => 'x',
                                        conversation => conversation('bob'),
                                        client_msg_id => 'f'},
                                       {code => 'not_found'}],
    'an inbox' => [{type => 'subscribe', inbox => {}},
                   {code => 'forbidden'}],
);

for my $name (sort keys %errors) {
    my ($frame, $want) = @{$errors{$name}};
    is_like($alice->ask(%$frame), {type => 'error', %$want}, $name);
}

is_like($alice->ask(type => 'subscribe', conversation => $talk,
                    since => '0123456789abcdef.7'),
        {complete => $false, reason => 'epoch', next => cursor(105)},
        'a cursor of another epoch');
is_like($alice->ask(type => 'subscribe', conversation => $talk,
                    since => cursor(9999)),
        {complete => $false, reason => 'ahead'}, 'one that is ahead');
is_like($alice->ask(type => 'unsubscribe', conversation => $talk),
        {type => 'unsubscribed', conversation => $talk}, 'unsubscribed');


# A send that is behind is told what it has missed, as by HTTP.

{
    my $talk = conversation('alice', 'one');
    my @sent = (conversation => $talk, text => 'late', expected_seq => 1);

    message($talk, 'agent dana', 'two');
    message($talk, 'note dana', 'three');

    my $late = $carl->ask(type => 'send', client_msg_id => 'l-1', @sent);

    is_like($late, {type => 'error', code => 'stale',
                    field => 'expected_seq', complete => $true,
                    more => $false, next => cursor(3),
                    events => [{seq => 2, text => 'two'},
                               {seq => 3, visibility => 'internal'}]},
            'a send that is behind');

    my $problem = $nginx->client(agent => 'carl')->post(
        "/support/v1/conversations/$talk/messages",
        {client_msg_id => 'l-1', text => 'late', expected_seq => 1})->json;

    is_deeply({map { $_ => $late->{$_} } qw(events next complete more)},
              {map { $_ => $problem->{$_} } qw(events next complete more)},
              'has what HTTP says');
    is_like($carl->ask(type => 'send', client_msg_id => 'l-1',
                       conversation => $talk, text => 'late',
                       expected_seq => 3),
            {type => 'sent', seq => 4}, 'and goes on from there');
}


# Frames that end it.

for (['not json', 4400], ['[1]', 4400], ['{"a":1}', 4400], ['"x"', 4400],
     ['{"type":"heartbeat","type":"heartbeat"}', 4400],
     ['{"type":5}', 4400])
{
    my ($text, $code) = @$_;
    my $ws = ws(visitor => 'alice');
    $ws->send_frame($text);
    is($ws->closed, $code, "$text closes with $code");
}

my $ws = ws(visitor => 'alice');
$ws->send_frame('x', opcode => 'binary');
is($ws->closed, 1003, 'binary data closes with 1003');

$ws = ws(visitor => 'alice');
$ws->send_frame('', length => 65537);
is($ws->closed, 1009, 'a frame above 64 KiB closes with 1009');

$ws = ws(visitor => 'alice');
$ws->send_frame('', length => 2**62);
is($ws->closed, 1009, 'and a very long one');

$ws = ws(visitor => 'alice');
$ws->close(1000);
is($ws->closed, 1000, 'a close is answered');


# Hello.

my $token = visitor_token('alice');
$ws = ws();
is($ws->status, 101, 'a handshake without a credential');
is_like($ws->ask(type => 'hello', token => $token),
        {type => 'welcome'}, 'hello of a visitor');
is_like($ws->ask(type => 'subscribe', conversation => $talk),
        {type => 'subscribed'}, 'who may subscribe then');
is_like($ws->ask(type => 'hello', token => visitor_token('alice')),
        {type => 'welcome'}, 'and renew');
$ws->send(type => 'hello', token => visitor_token('bob'));
is($ws->closed, 4400, 'but not become somebody else');

$ws = ws();
my $agent = agent_token('erin', new => 1);
$ws->send(type => 'hello', token => $agent);
is_like($ws->ask(type => 'subscribe', conversation => $talk,
                 since => cursor(100)),
        {type => 'subscribed', events => [({}) x 5]},
        'what follows the hello of an agent waits for its answer');

$ws = ws();
$ws->send(type => 'hello', token => 'x' x 43);
is($ws->closed, 4401, 'hello with a token that is none');
$ws = ws();
$ws->send(type => 'subscribe', conversation => $talk);
is($ws->closed, 4401, 'anything else before the hello');

my $ticket = $nginx->client(visitor => 'alice')
                   ->request('POST', '/support/v1/ticket')->json->{ticket};
$ws = ws(protocol => "chat.v1, ticket.$ticket");
is($ws->status, 101, 'a ticket');
is_like($ws->next, {type => 'welcome'}, 'says who it is');
is($ws->header('Sec-WebSocket-Protocol'), 'chat.v1', 'and is not echoed');
is(ws(protocol => "chat.v1, ticket.$ticket")->status, 401, 'once');


# Cookies need an origin.

my $cookie = 'Cookie: chat-visitor-' . site() . '=' . $token;
is(ws(headers => [$cookie])->status, 403, 'a cookie without an origin');
is(ws(headers => [$cookie, 'Origin: http://evil.test'])->status, 403,
   'from another one');
is(ws(headers => [$cookie, 'Origin: http://localhost'])->status, 101,
   'from the same');


# An inbox.

$dana->{messages} = [];
is_like($dana->ask(type => 'subscribe', inbox => {status => 'open'}),
        {type => 'subscribed', inbox => $true, conversations => '*'},
        'an inbox');
my $new = conversation('zoe', 'help');
is_like($dana->next('conversation'),
        {id => $new, in => $true, last => {text => 'help'}},
        'a new conversation is told');
$nginx->client(agent => 'dana')->patch("/support/v1/conversations/$new",
                                       {status => 'resolved'});
is_like($dana->next('conversation'), {id => $new, in => $false},
        'and that it leaves the filter');


# A signed-out agent is closed.

my $erin = ws(token => $agent);
is_like($erin->next, {type => 'welcome'}, 'an agent');
$nginx->client(token => $agent)->delete('/support/v1/agent/session');
is($erin->closed, 4401, 'who signs out is closed with 4401');


# Bytes that come together with the request.

$ws = ws(visitor => 'alice', early =>
    ChatTest::WebSocket->frame(json_encode({type => 'subscribe', ref => 'e',
                                            conversation => $talk})));
is_like($ws->next('subscribed'), {ref => 'e'},
        'a frame that follows the handshake at once is not lost');


# The logs.

$_->close(1000), $_->closed for $alice, $dana;
ok((wait_until { grep { /chat: websocket closed with 1000 after \d+ ms, /
                        && /received: \d+, sent: \d+, events: \d+/ }
                      $nginx->log_lines }), 'a line when it ends');

open my $log, '<', $nginx->root . '/logs/t.log' or die;
my @log = <$log>;
ok((grep { $_ eq "101 ws visitor stream\n" } @log), 'variables of a log');

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
