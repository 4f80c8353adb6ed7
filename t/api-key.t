# API keys: made and revoked by administrators, used within their scopes; and
# what they and agents change of a visitor.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::WebSocket;

my $nginx = ChatTest::Nginx->new(workers => 2,
    server => 'location /far/ { chat on; chat_site ' . site() . '-far; }'
            . 'location /slow/ { chat on; chat_limit agent=1r/m burst=2; }')
    ->start;
my $api = '/support/v1';

agent('root', role => 'admin', name => 'Root');
agent($_, role => $_) for qw(agent supervisor);
agent('far', site => site() . '-far', role => 'admin');

my $root = agent_token('root');

sub call {
    my ($who, $method, $path, $json, %opt) = @_;
    return $nginx->client(%opt)->request($method, "$api/$path",
        (defined $who ? (token => $who) : ()),
        (defined $json ? (json => $json) : ()));
}

sub is_answer {
    my ($answer, $status, $want, $name) = @_;

    is($answer->status, $status, "$name: status") or diag($answer->body);
    is(contains($answer->json, $want), undef, $name) if defined $want;
}

sub make {
    my ($name, @scopes) = @_;
    return call($root, 'POST', 'keys', {name => $name, scopes => \@scopes});
}

sub key { return make(@_)->json->{token} }


# made, and shown once

my $made = make('Orders', 'visitors:write', 'conversations:read',
                'visitors:write');

is_answer($made, 201, {token => '~^chat_[0-9a-f]{8}_[\w-]{43}$',
    name => 'Orders', prefix => '~^chat_[0-9a-f]{8}$', used_at => undef,
    scopes => ['conversations:read', 'visitors:write'],
    created_by => {name => 'Root'}, expires_at => undef,
    revoked_at => undef}, 'an administrator makes a key');

my ($orders, $id) = @{$made->json}{qw(token id)};

is(substr($orders, 0, 13), $made->json->{prefix}, 'which begins as listed');
is(psql("SELECT encode(hash, 'hex') FROM chat.api_key WHERE id = '$id'"),
   sha256_hex($orders), 'only its hash is kept');
is(psql("SELECT count(*) FROM chat.agent_session WHERE id = '$id' AND "
        . "token_hash = sha256('$orders')"), 0, 'and no session of it');
is_answer(call($root, 'GET', 'keys'), 200,
          {keys => [{id => $id, name => 'Orders', token => '!',
                     used_at => undef}]}, 'the list has no secret');
is_answer(call($root, 'GET', 'audit?limit=1'), 200,
          {entries => [{action => 'key_create', object => $id,
                        data => {name => 'Orders'}}]}, 'it is recorded');
unlike(call($root, 'GET', 'audit')->body, qr/chat_/, 'without the key');

for my $row (
    [{name => '', scopes => ['audit:read']}, 'name'],
    [{name => 'x'}, 'scopes'],
    [{name => 'x', scopes => []}, 'scopes'],
    [{name => 'x', scopes => ['everything']}, 'scopes'],
    [{name => 'x', scopes => ['audit:read', 'x']}, 'scopes'],
    [{name => 'x', scopes => 'audit:read'}, 'scopes'],
    [{name => 'x', scopes => ['audit:read'], expires_at => 'soon'},
     'expires_at'],
    [{name => 'x', scopes => ['audit:read'],
      expires_at => '2001-01-01T00:00:00Z'}, 'expires_at'],
    [{name => 'x', scopes => ['audit:read'], role => 'admin'}, 'role'],
) {
    is_answer(call($root, 'POST', 'keys', $row->[0]), 422,
              {field => $row->[1]}, 'a key that cannot be');
}

for my $who ('agent', 'supervisor') {
    is(call(agent_token($who), $_->[0], $_->[1], $_->[2])->status, 403,
       "not by an $who: $_->[0]")
        for ['GET', 'keys'], ['DELETE', "keys/$id"],
            ['POST', 'keys', {name => 'x', scopes => ['audit:read']}];
}

is(call(agent_token('far'), 'DELETE', "keys/$id")->status, 401,
   'nor from another site');


# used within its scopes

my $talk = conversation('ann', 'where is it?');
my $seq = 0 + message($talk, 'note agent', 'a note');

is_answer(call($orders, 'GET', 'conversations'), 200,
          {conversations => [{id => $talk}]}, 'a key reads conversations');
is_answer(call($orders, 'GET', "conversations/$talk/events"), 200,
          {events => ['*', {seq => $seq, visibility => 'internal'}]},
          'with their notes');
is(call($orders, 'POST', "conversations/$talk/messages",
        {client_msg_id => 'k1', text => 'x'})->status, 403,
   'and writes nothing without the scope');
is(call($orders, $_->[0], $_->[1], $_->[2])->status, 403,
   "$_->[0] $_->[1] is not for keys")
    for ['GET', 'agent/session'], ['DELETE', 'agent/session'],
        ['GET', 'keys'], ['GET', 'site/keys'], ['POST', 'ticket'],
        ['GET', 'stream?wait=0&inbox='],
        ['GET', "stream?wait=0&conversation=$talk"],
        ['POST', 'agents', {name => 'x', email => 'x@x.test'}],
        ['POST', 'keys', {name => 'x', scopes => ['audit:read']}],
        ['POST', 'conversations', {client_msg_id => 'k', text => 'x'}];
ok(wait_until { call($root, 'GET', 'keys')->json->{keys}[0]{used_at} },
   'it is known that it was used');

my $used = psql("SELECT used_at FROM chat.api_key WHERE id = '$id'");

call($orders, 'GET', 'conversations') for 1 .. 5;
is(psql("SELECT used_at FROM chat.api_key WHERE id = '$id'"), $used,
   'which is not written for each call');

my $bot = key('Robot', 'conversations:write');
my $sent = call($bot, 'POST', "conversations/$talk/messages",
                {client_msg_id => 'k1', text => 'On its way.'});

is_answer($sent, 201, {seq => $seq + 1}, 'a key writes');
is_answer(call(visitor_token('ann'), 'GET', "conversations/$talk/events"),
          200, {events => ['*', {text => 'On its way.',
                                 sender => {kind => 'agent',
                                            name => 'Robot'}}]},
          'under its name');
is(call($bot, 'GET', "conversations/$talk")->status, 403,
   'and reads nothing');
is_answer(call($bot, 'PATCH', "conversations/$talk",
               {status => 'resolved'}), 200, {status => 'resolved'},
          'it changes');

my $settings = key('Deploy', 'settings:write');

is_answer(call($settings, 'PATCH', 'site', {version => 1, title => 'Hi'}),
          200, {title => 'Hi'}, 'a key changes settings');
is_answer(call($root, 'GET', 'audit?limit=1'), 200,
          {entries => [{action => 'site_change',
                        actor => {name => 'Deploy'}}]}, 'by its name');
is(call($settings, 'POST', 'teams', {name => 'x'})->status, 403,
   'and nothing else that an administrator may');


# no faster than others

my @slow = map { $nginx->client->request('POST', '/slow/v1/labels',
                     token => $settings, json => {name => "l$_"})->status }
           1 .. 3;

is("@slow", '201 201 429', 'a key is held to the limit of an agent');


# what only looks like one

is(call($_, 'GET', 'conversations')->status, 401, 'no key: ' . substr $_, 0, 9)
    for 'chat_' . 'a' x 52,
        substr($orders, 0, -1) . ($orders =~ /A$/ ? 'B' : 'A'),
        "${orders}A", substr($orders, 14), ucfirst $orders;
is($nginx->client->request('GET', "$api/conversations",
       headers => ['Cookie: chat-agent-' . site() . "=$orders"])->status,
   401, 'a key is no cookie');
is($nginx->client->request('GET', '/far/v1/conversations',
                           token => $orders)->status, 401,
   'nor of another site');

my $ws = ChatTest::WebSocket->new(port => $nginx->port);

is($ws->status, 101, 'a WebSocket without a credential');
$ws->send(type => 'hello', token => $orders);
is($ws->closed, 4401, 'takes no key');
is(ChatTest::WebSocket->new(port => $nginx->port, token => $orders)->status,
   403, 'nor at the handshake');


# nobody's colleague

is_answer(call($root, 'GET', 'agents'), 200,
          {agents => [map { {name => $_} } qw(Agent Root Supervisor)]},
          'keys are not among the agents');
is_answer(call($root, 'GET', "agents/$id"), 404, undef, 'nor one of them');
is_answer(call($root, 'PATCH', "agents/$id", {role => 'admin'}), 404, undef,
          'a key gets no role');
is_answer(call($root, 'POST', "agents/$id/setup"), 404, undef,
          'nor a password');
is_answer(call($root, 'POST', 'teams', {name => 'T', members => [$id]}), 422,
          {field => 'members'}, 'nor a team');
is_answer(call($_, 'PATCH', "conversations/$talk", {assignee => $id}), 422,
          {code => 'invalid_field', field => 'assignee'},
          'nor a conversation') for $root, $bot;
is_answer(call($root, 'GET', "conversations/$talk"), 200,
          {assignee => undef}, 'which stays as it was');


# what is known of a visitor

my $ann = visitor('ann');

is_answer(call($orders, 'PATCH', "visitors/$ann",
               {attributes => {plan => 'gold', visits => 3}, name => 'Ann',
                email => 'ann@x.test'}), 200,
          {id => $ann, name => 'Ann', email => 'ann@x.test',
           verified => JSON::PP::false,
           attributes => {plan => 'gold', visits => 3}},
          'a key says what the site knows');
is_answer(call(agent_token('agent'), 'PATCH', "visitors/$ann",
               {attributes => {visits => undef, vip => JSON::PP::true}}),
          200, {name => 'Ann', attributes => {visits => '!', vip => '*',
                                              plan => 'gold'}},
          'so does an agent');
is_answer(call($root, 'GET', "conversations/$talk"), 200,
          {visitor => {name => 'Ann', attributes => {plan => 'gold'}}},
          'and agents see it');
unlike(call($root, 'GET', 'audit?limit=5')->body, qr/gold|ann\@/i,
       'the log of who did what has nothing of it');
is_answer(call($orders, 'PATCH', "visitors/$ann", $_->[1]), 422,
          {field => $_->[0]}, "not: $_->[0]")
    for ['name', {name => ' '}], ['email', {email => 'x'}],
        ['attributes', {attributes => {a => [1]}}],
        ['attributes', {attributes => {'a b' => 1}}],
        ['verified', {verified => JSON::PP::true}];

my $audit = psql('SELECT count(*) FROM chat.audit');

is_answer(call($orders, 'PATCH', "visitors/$ann", $_), 422,
          {code => 'invalid_field', detail => 'there is nothing to change',
           name => '!', attributes => '!'}, 'a change of nothing tells nothing')
    for {}, {attributes => {}};
is(psql('SELECT count(*) FROM chat.audit'), $audit, 'and is not recorded');

psql("UPDATE chat.visitor SET verified = true WHERE id = '$ann'");
is_answer(call($orders, 'PATCH', "visitors/$ann", {name => 'Eve'}), 403,
          undef, 'whom the site has identified keeps the name');
psql("UPDATE chat.visitor SET claimed = '{plan}' WHERE id = '$ann'");
is_answer(call($orders, 'PATCH', "visitors/$ann", {attributes => $_}), 403,
          undef, 'and an attribute that it has signed')
    for {plan => 'free'}, {plan => undef, vip => undef};
is_answer(call($root, 'PATCH', "visitors/$ann", {attributes => {vip => 7}}),
          200, {attributes => {plan => 'gold', vip => 7},
                claimed => ['plan']}, 'no others');
is_answer(call($root, 'GET', "conversations/$talk"), 200,
          {visitor => {claimed => ['plan'], user_agent => undef}},
          'agents see which');
is_answer(call($root, 'GET', 'conversations'), 200,
          {conversations => [{visitor => {id => '*', attributes => '!',
              claimed => '!', user_agent => '!', time_zone => '!'}}]},
          'lists do not say so');
psql("UPDATE chat.visitor SET verified = false WHERE id = '$ann'");
is_answer(call($root, 'PATCH', "visitors/$ann", {attributes => {plan => 'x'}}),
          200, {attributes => {plan => 'x'}}, 'while it is sure who that is');
is(call($orders, 'PATCH', 'visitors/' . uuid('nobody'), {name => 'x'})
   ->status, 404, 'nobody is nobody');
psql('INSERT INTO chat.visitor (site, id, valid_from, created_at) SELECT id, '
     . "'" . uuid('far visitor') . "', 0, now() FROM chat.site WHERE name = '"
     . site() . "-far'");
is(call($orders, 'PATCH', 'visitors/' . uuid('far visitor'), {name => 'x'})
   ->status, 404, 'nor is a visitor of another site');


# ended

my $short = call($root, 'POST', 'keys', {name => 'Short',
    scopes => ['conversations:read'],
    expires_at => psql("SELECT chat.rfc3339(now() + interval '1 hour')")})
    ->json;

is(call($short->{token}, 'GET', 'conversations')->status, 200,
   'a key that will expire');
psql('UPDATE chat.agent_session SET expires_at = now() '
     . "WHERE id = '$short->{id}'");
ok(wait_until { call($short->{token}, 'GET', 'conversations')
                ->status == 401 }, 'and has');

is(call($root, 'DELETE', "keys/$id")->status, 204, 'a key is revoked');
is(call($orders, 'GET', 'conversations')->status, 401, 'at once') for 1 .. 8;
is(call($root, 'DELETE', "keys/$id")->status, 404, 'once');
ok((grep { $_->{id} eq $id && $_->{revoked_at} }
    @{call($root, 'GET', 'keys')->json->{keys}}), 'the list says so');
is(call($bot, 'POST', "conversations/$talk/typing", {on => JSON::PP::true})
   ->status, 204, 'another is as good as before');

my @many;
push @many, make("Many $_", 'audit:read')->status for 1 .. 60;
is("@many", join(' ', (201) x 48, (409) x 12), 'there are not too many')
    or diag("@many");

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

my $log = do { local (@ARGV, $/) = $nginx->root . '/logs/error.log'; <> };
unlike($log // '', qr/\Q$orders\E/, 'no key in the log');

done_testing();
