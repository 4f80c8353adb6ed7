# The second factor: enrolment, sign-in with a code, a code twice, codes that
# stand in for one, its end, another key.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha1);
use Test::More;
use ChatTest;
use ChatTest::Nginx;

my $nginx = ChatTest::Nginx->new(workers => 1,
    limit => 'failures=1000 sign_ins=off address_sign_ins=off')->start;
my $api = '/support/v1';
my $password = 'correct horse battery';

# "correct horse battery", quick to verify
my $hash = do {
    my $code = 'import base64,hashlib;b=lambda x:base64.b64encode(x).decode()'
        . '.rstrip("=");s=b"0123456789abcdef";print("$scrypt$ln=4,r=8,p=1$"+'
        . 'b(s)+"$"+b(hashlib.scrypt(b"' . $password . '",salt=s,n=16,r=8,'
        . 'p=1,dklen=32)))';
    my $text = qx(python3 -c '$code');
    chomp $text;
    $text;
};

my $dana = agent('dana', email => 'dana@x.test', password => $hash);
agent('root', role => 'admin');
agent('sam', role => 'supervisor');

sub call {
    my ($who, $method, $path, $json) = @_;
    return $nginx->client->request($method, "$api/$path",
        (defined $who ? (token => $who) : ()),
        (defined $json ? (json => $json) : ()));
}

sub is_answer {
    my ($answer, $status, $want, $name) = @_;

    is($answer->status, $status, "$name: status") or diag($answer->body);
    is(contains($answer->json, $want), undef, $name) if defined $want;
}

sub sign_in {
    my (%more) = @_;
    return call(undef, 'POST', 'agent/session', {email => 'dana@x.test',
                password => $password, mode => 'bearer', %more});
}

# RFC 4648 and RFC 6238

sub base32 {
    my ($text) = @_;
    my $bits = join '', map {
        sprintf '%05b', index 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', $_
    } split //, $text;

    return pack 'B*', $bits;
}

sub code {
    my ($secret, $step) = @_;
    my $mac = hmac_sha1(pack('Q>', $step), $secret);
    my $at = ord(substr $mac, -1) & 15;

    return sprintf '%06d', (unpack('N', substr $mac, $at, 4) & 0x7fffffff)
                           % 1_000_000;
}

is(code('12345678901234567890', 1), '287082', 'RFC 6238: 94287082 of 59 s');

# no failure waits here

sub forget { psql('DELETE FROM chat.sign_in_failure WHERE site = '
                  . site_id()) }


# enrolment

my $token = sign_in()->json->{token};

ok(defined $token, 'a password is enough at first');
is_answer(call($token, 'GET', 'agent/session'), 200,
          {agent => {totp => JSON::PP::false}}, 'nothing is enrolled');
is_answer(call($token, 'POST', 'agent/totp/confirm', {code => '123456'}),
          404, undef, 'nothing to confirm');

my $begun = call($token, 'POST', 'agent/totp');
my $site = site();

is_answer($begun, 201, {secret => '~^[A-Z2-7]{32}$'}, 'a secret');

my $text = $begun->json->{secret};

is($begun->json->{uri}, "otpauth://totp/chat%20$site:dana%40x.test"
   . "?secret=$text&issuer=chat%20$site", 'and a URI for an authenticator');
is(sign_in()->status, 200, 'which is not in use before it is confirmed');
isnt(call($token, 'POST', 'agent/totp')->json->{secret}, $text,
     'another one replaces it');

$text = call($token, 'POST', 'agent/totp')->json->{secret};

my $secret = base32($text);
my $step = sub { int(time / 30) };

is(psql("SELECT position('\\x" . unpack('H*', $secret) . "'::bytea IN secret) "
        . "FROM chat.totp WHERE agent = '$dana'"), 0,
   'PostgreSQL does not know it');
is_answer(call($token, 'POST', 'agent/totp/confirm',
               {code => code($secret, $step->() + 100)}), 422,
          {field => 'code'}, 'a wrong code');

my $answer = call($token, 'POST', 'agent/totp/confirm',
                  {code => code($secret, $step->())});

is_answer($answer, 200, {recovery_codes => [
              ('~^[a-z2-7]{4}(-[a-z2-7]{4}){3}$') x 10]},
          'a first code puts it to use');

my @codes = @{$answer->json->{recovery_codes}};

is(psql("SELECT count(*) FROM chat.recovery_code WHERE agent = '$dana' AND "
        . 'octet_length(hash) = 32'), 10, 'codes are stored as hashes');
is_answer(call($token, 'POST', 'agent/totp'), 409, undef, 'once');
is_answer(call($token, 'GET', 'agent/session'), 200,
          {agent => {totp => JSON::PP::true}}, 'the session tells of it');


# sign-in

is_answer(sign_in(), 401, {code => 'second_factor', field => 'code'},
          'the password alone is not enough');
is_answer(sign_in(password => 'wrong'), 401, {code => 'unauthenticated'},
          'a wrong password does not say that there is a second factor');
is_answer(sign_in(password => 'wrong', code => code($secret, $step->())),
          401, {code => 'unauthenticated'}, 'whatever the code');
is_answer(sign_in(email => 'nobody@x.test', code => '123456'), 401,
          {code => 'unauthenticated'}, 'nor does an address that nobody has');
forget();
is_answer(sign_in(code => code($secret, $step->() + 100)), 401,
          {code => 'second_factor'}, 'a wrong code');
is(psql('SELECT max(failures) FROM chat.sign_in_failure WHERE site = '
        . site_id()), 1, 'counts as a failure');
is_answer(sign_in(code => 'abc'), 401, {code => 'second_factor'},
          'what is no code');

# as if the last code were older

sub rewind { psql("UPDATE chat.totp SET step = 0 WHERE agent = '$dana'") }

my $now = $step->();
my $right = code($secret, $now);

rewind();
is_answer(sign_in(code => $right), 200, {token => '*'}, 'the code of now');
is_answer(sign_in(code => $right), 401, {code => 'second_factor'},
          'is good once');
rewind();
wait_until { time % 30 < 20 };    # the next step is not near
is_answer(sign_in(code => code($secret, $step->() - 1)), 200, undef,
          'the one before is good too');
rewind();
is_answer(sign_in(code => code($secret, $step->() - 3)), 401, undef,
          'an older one is not');
forget();

is_answer(sign_in(code => $codes[0]), 200, {token => '*'},
          'a code that stands in for one');
is_answer(sign_in(code => $codes[0]), 401, {code => 'second_factor'},
          'is good once');
is_answer(sign_in(code => uc($codes[1] =~ tr/-/ /r)), 200, undef,
          'however it is written');
is(psql("SELECT count(*) FROM chat.recovery_code WHERE agent = '$dana'"), 8,
   'eight are left');
forget();

my $client = $nginx->client;
my @both = map { $nginx->client->start('POST', "$api/agent/session",
                     json => {email => 'dana@x.test', password => $password,
                              mode => 'bearer', code => $codes[2]}) } 1, 2;

is(join(',', sort map { $_->wait(30)->status } @both), '200,401',
   'two at once with one code: one is in');
forget();


# the row is the agent's, its key may change

psql("INSERT INTO chat.totp (site, agent, secret, confirmed_at) "
     . "SELECT site, '" . agent('root') . "', secret, confirmed_at "
     . "FROM chat.totp WHERE agent = '$dana'");
psql("UPDATE chat.agent SET password = " . quote($hash)
     . ", email = 'root\@x.test' WHERE id = '" . agent('root') . "'");
is_answer(sign_in(email => 'root@x.test', code => code($secret, $step->())),
          401, {code => 'second_factor'}, 'the secret of another is no good');
psql("DELETE FROM chat.totp WHERE agent = '" . agent('root') . "'");
forget();

{
    open my $keys, '<', $ENV{TEST_NGINX_KEYS} or die;
    my $old = do { local $/; <$keys> };
    my $sealed = sub { psql("SELECT encode(substring(secret FOR 4), 'hex') "
                            . "FROM chat.totp WHERE agent = '$dana'") };

    is($sealed->(), $ChatTest::Kid, 'sealed by the first key');

    for my $text ("$ChatTest::OtherKid $ChatTest::OtherKey\n$old") {
        open my $out, '>', $ENV{TEST_NGINX_KEYS} or die;
        print $out $text;
        close $out;
    }

    $nginx->reload;
    rewind();
    is_answer(sign_in(code => code($secret, $step->())), 200, undef,
              'a code, after another key was put in front');
    is($sealed->(), $ChatTest::OtherKid, 'which seals from now on');

    open my $out, '>', $ENV{TEST_NGINX_KEYS} or die;
    print $out $old;
    close $out;

    $nginx->reload;
    rewind();
    is_answer(sign_in(code => code($secret, $step->())), 401,
              {code => 'second_factor'}, 'not without its key');
    is_answer(sign_in(code => $codes[3]), 200, undef,
              'but a code that stands in for one');
    forget();
}


# the end

my $root = agent_token('root', new => 1);

is_answer(call($token, 'DELETE', 'agent/totp', {password => 'wrong'}), 403,
          {field => 'password'}, 'not with a wrong password');
is_answer(call($token, 'DELETE', 'agent/totp', {}), 422, undef,
          'nor without');
is_answer(call(agent_token('sam'), 'DELETE', "agents/$dana/totp"), 403, undef,
          'nor by a supervisor');
psql("UPDATE chat.agent SET password = '' WHERE id = '" . agent('sam') . "'");
is_answer(call(agent_token('sam'), 'DELETE', 'agent/totp',
               {password => $password}), 403, undef,
          'who has no password cannot end one by it');
is(call($token, 'DELETE', 'agent/totp', {password => $password})->status,
   204, 'with the password');
is(sign_in()->status, 200, 'the password is enough again');
is_answer(call($token, 'DELETE', 'agent/totp', {password => $password}), 404,
          undef, 'there is none any more');

$text = call($token, 'POST', 'agent/totp')->json->{secret};
call($token, 'POST', 'agent/totp/confirm',
     {code => code(base32($text), $step->())});
is(sign_in()->status, 401, 'enrolled again');
is(call($root, 'DELETE', "agents/$dana/totp")->status, 204,
   'an administrator ends it');
is_answer(call($root, 'DELETE', 'agents/' . agent('root') . '/totp'), 403,
          undef, 'but not an own one without the password');
is(sign_in()->status, 200, 'the password is enough again');
is(psql("SELECT string_agg(action || (actor = '$dana')::text, ',' ORDER BY id)"
        . " FROM chat.audit WHERE object = '$dana' AND action <> "
        . "'recovery_code'"),
   'totp_begintrue,totp_endtrue,totp_begintrue,totp_endfalse',
   'the audit log has it');

$nginx->stop;
is(join('', grep { !/its key is gone/ } $nginx->alarms), '',
   'nothing alarming in the log');

done_testing();
