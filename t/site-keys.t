# Keys by which a site proves who a visitor is, as administrators add and
# revoke them: v1/site/keys.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256);
use Test::More;
use ChatTest;
use ChatTest::Nginx;

my $nginx = ChatTest::Nginx->new(workers => 2)->start;
my $pem = build_dir() . "/site-$$";

agent('root', role => 'admin');
agent('sam', role => 'supervisor');
agent('far', site => site() . '-far', role => 'admin');

system("openssl ecparam -name prime256v1 -genkey -noout -out $pem.key"
       . " && openssl ec -in $pem.key -pubout -out $pem.pub 2>/dev/null"
       . " && openssl genrsa -out $pem.rsa 2048 2>/dev/null"
       . " && openssl rsa -in $pem.rsa -pubout -out $pem.rpub 2>/dev/null")
    == 0 or die "openssl failed\n";

sub file { local (@ARGV, $/) = "$pem.$_[0]"; return scalar <> }

sub call {
    my ($who, $method, $path, $json) = @_;
    return $nginx->client->request($method, "/support/v1/$path",
        (defined $who ? (token => $who) : ()),
        (defined $json ? (json => $json) : ()));
}

sub is_answer {
    my ($answer, $status, $want, $name) = @_;

    is($answer->status, $status, "$name: status") or diag($answer->body);
    is(contains($answer->json, $want), undef, $name) if defined $want;
}

my $root = agent_token('root');

sub add { return call($root, 'POST', 'site/keys', {@_}) }

# the session of somebody for whom the key has signed

sub session {
    my ($kid, $secret) = @_;
    my $text = join '.', map { ChatTest::base64url(json_encode($_)) }
        {alg => 'HS256', kid => $kid},
        {sub => 'u-1', aud => site(), exp => int(time) + 600};

    return call(undef, 'POST', 'session', {mode => 'bearer',
        identity => "$text."
            . ChatTest::base64url(hmac_sha256($text, $secret))});
}


my $made = add(kid => 'made', alg => 'HS256');

is_answer($made, 201, {id => '~^[0-9a-f-]{36}$', kid => 'made',
    alg => 'HS256', created_at => '~Z$', secret => '~^[0-9a-f]{64}$'},
    'a secret is made');
is_answer(call($root, 'GET', 'site/keys'), 200,
    {keys => [{kid => 'made', alg => 'HS256', secret => '!', key => '!'}]},
    'and not told again');
is_answer(session('made', $made->json->{secret}), 200,
          {visitor => {verified => JSON::PP::true}},
          'it proves who somebody is');

my $given = add(kid => 'given', alg => 'HS256', key => 's' x 32);

is_answer($given, 201, {kid => 'given', secret => '!', key => '!'},
          'another one, which is given');
is(session('made', $made->json->{secret})->status, 200, 'the old is good');
is(session('given', 's' x 32)->status, 200, 'as is the new');
is_answer(add(kid => 'third', alg => 'HS256'), 409, {code => 'conflict'},
          'a third is too many');

for my $row (
    [kid => kid => 'given', alg => 'HS256'], [kid => alg => 'HS256'],
    [kid => kid => 'a b', alg => 'HS256'],
    [kid => kid => '', alg => 'HS256'],
    [alg => kid => 'x', alg => 'none'], [alg => kid => 'x'],
    [key => kid => 'x', alg => 'HS256', key => 'short'],
    [key => kid => 'x', alg => 'HS256', key => file('pub')],
    [key => kid => 'x', alg => 'HS256', key => file('key')],
    [key => kid => 'x', alg => 'ES256'],
    [key => kid => 'x', alg => 'ES256', key => 's' x 40],
    [key => kid => 'x', alg => 'ES256', key => file('rpub')],
    [key => kid => 'x', alg => 'ES256', key => file('key')],
    [key => kid => 'x', alg => 'ES256', key => 7],
) {
    my ($field, %key) = @$row;

    is_answer(add(%key), 422, {code => 'invalid_field', field => $field},
              "a key that is none: $field");
}

my $path = 'site/keys/' . $given->json->{id};

is(call(agent_token('sam'), 'DELETE', $path)->status, 403,
   'not by a supervisor');
is(call(agent_token('sam'), 'GET', 'site/keys')->status, 403,
   'who does not see them');
is(call(agent_token('far'), 'DELETE', $path)->status, 401,
   'nor from another site');
is(call($root, 'DELETE', 'site/keys/' . uuid('none'))->status, 404,
   'one that is not there');
is(call($root, 'DELETE', $path)->status, 204, 'a key is revoked');
is(session('given', 's' x 32)->status, 401, 'and proves nothing, at once')
    for 1 .. 4;
is(call($root, 'DELETE', $path)->status, 404, 'it goes once');
is_answer(add(kid => 'web', alg => 'ES256', key => file('pub')), 201,
          {kid => 'web', alg => 'ES256', secret => '!'}, 'a public key');

my $audit = call($root, 'GET', 'audit?limit=200');

is_answer($audit, 200, {entries => [
    {action => 'site_key_create', data => {kid => 'web', alg => 'ES256'}},
    {action => 'site_key_revoke', object => $given->json->{id},
     data => {kid => 'given'}},
    {action => 'site_key_create', data => {kid => 'given'}},
    {action => 'site_key_create', data => {kid => 'made'}}]},
    'all of it is recorded');
unlike($audit->body, qr/BEGIN PUBLIC|ssssssss|\Q@{[$made->json->{secret}]}/,
       'without the keys');

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
