# Agents: signing in and out, their sessions.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;

# "right-password" under scrypt with N=2^10, r=8, p=1 (weak, therefore quick)
# and with what the module itself makes, N=2^15, r=8, p=3

our $Site = site();
our $Dana = agent('dana', name => 'Dana', role => 'admin',
                  email => 'Dana@Shop.test', password => scrypt(10, 1));
agent('strong', email => 'strong@shop.test', password => scrypt(15, 3));
agent('off', email => 'off@shop.test', password => scrypt(10, 1));
agent('broken', email => 'broken@shop.test', password => 'plain text');
agent('leaver', email => 'leaver@shop.test', password => scrypt(10, 1));
psql("UPDATE chat.agent SET disabled_at = now()
       WHERE email = 'off\@shop.test'");

sub scrypt {
    my ($ln, $p) = @_;

    my $n = 1 << $ln;
    my $salt = unpack 'H*', 'sixteen bytes...';
    my $hash = `openssl kdf -keylen 32 -binary -kdfopt pass:right-password \\
        -kdfopt hexsalt:$salt -kdfopt n:$n -kdfopt r:8 -kdfopt p:$p \\
        -kdfopt maxmem_bytes:134217728 SCRYPT`;

    length $hash == 32 or die "openssl kdf failed\n";
    return "\$scrypt\$ln=$ln,r=8,p=$p\$"
           . ChatTest::base64url('sixteen bytes...') . '$'
           . ChatTest::base64url($hash) =~ tr{-_}{+/}r;
}

sub sign_in {
    my ($email, $password, $more) = @_;

    return "POST /support/v1/agent/session\n"
           . qq({"email":"$email","password":"$password")
           . ($more // ',"mode":"bearer"') . '}';
}

plan tests => 50;
run_tests();

__DATA__

=== TEST 1: an agent signs in for a bearer token
--- request eval
main::sign_in('dana@shop.test', 'right-password')
--- response_headers
Content-Type: application/json
Cache-Control: no-store
! Set-Cookie
--- json eval
qq({"agent": {"id": "$::Dana", "name": "Dana", "email": "Dana\@Shop.test",
              "role": "admin"},
    "token": "~^[A-Za-z0-9_-]{43}\$", "expires_at": "~Z\$"})
--- timeout: 10s



=== TEST 2: the parameters of a new password
--- request eval
main::sign_in('strong@shop.test', 'right-password')
--- timeout: 20s



=== TEST 3: an agent signs in for a cookie
--- more_headers
Sec-Fetch-Site: same-origin
--- request eval
main::sign_in('dana@shop.test', 'right-password', '')
--- response_headers_like eval
"Set-Cookie: chat-agent-$::Site=[A-Za-z0-9_-]{43}; Path=/; "
. "Max-Age=604800; HttpOnly; SameSite=Lax"
--- json
{"agent": {"name": "Dana"}, "token": "!"}
--- timeout: 10s



=== TEST 4: a token is stored as a hash alone
--- request eval
main::sign_in('leaver@shop.test', 'right-password')
--- sql eval
"SELECT octet_length(token_hash), ends_at - created_at,
        date_trunc('minute', expires_at - created_at)
   FROM chat.agent_session WHERE agent = '" . ChatTest::agent('leaver') . "'"
--- sql_is: 32|7 days|12:00:00
--- timeout: 10s



=== TEST 5: a wrong password
--- request eval
main::sign_in('dana@shop.test', 'wrong-password')
--- error_code: 401
--- response_headers
! Set-Cookie
--- json
{"status": 401, "code": "unauthenticated", "field": "!"}
--- timeout: 20s



=== TEST 6: nobody by that address: the same answer
--- request eval
main::sign_in('nobody@shop.test', 'right-password')
--- error_code: 401
--- json
{"status": 401, "code": "unauthenticated", "field": "!"}
--- timeout: 20s



=== TEST 7: a disabled agent
--- request eval
main::sign_in('off@shop.test', 'right-password')
--- error_code: 401
--- timeout: 20s



=== TEST 8: a stored password that is none
--- request eval
main::sign_in('broken@shop.test', 'plain text')
--- error_code: 401
--- timeout: 20s



=== TEST 9: an agent of another site
--- init
ChatTest::Block::wait_ready();
--- chat: chat_site another;
--- request eval
main::sign_in('dana@shop.test', 'right-password')
--- error_code: 401
--- timeout: 20s



=== TEST 10: fields that are missing or none
--- more_headers
Sec-Fetch-Site: same-origin
--- request eval
["POST /support/v1/agent/session\n" . '{"mode":"bearer","email":"a@b.c"}',
 "POST /support/v1/agent/session\n" . '{"mode":"bearer","password":"x"}',
 main::sign_in('a@b.c', 'x', ',"mode":1'),
 main::sign_in('a@b.c', 'x', ',"mode":"bearer","role":"admin"')]
--- error_code eval
[(422) x 4]
--- json eval
['{"field": "password"}', '{"field": "email"}', '{"field": "mode"}',
 '{"field": "role"}']



=== TEST 11: a cookie from another site is not made
--- more_headers
Sec-Fetch-Site: cross-site
Origin: http://evil.test
--- request eval
main::sign_in('dana@shop.test', 'right-password', '')
--- error_code: 403
--- response_headers
! Set-Cookie
--- json
{"code": "forbidden"}



=== TEST 12: who am I
--- as: agent dana
--- request
GET /support/v1/agent/session
--- json eval
qq({"agent": {"id": "$::Dana", "name": "Dana", "role": "admin"},
    "expires_at": "~Z\$", "token": "!"})



=== TEST 13: nobody
--- request
GET /support/v1/agent/session
--- error_code: 401
--- json
{"code": "unauthenticated"}



=== TEST 14: by cookie
--- more_headers eval
"Cookie: chat-agent-$::Site=" . ChatTest::agent_token('dana')
--- request
GET /support/v1/agent/session
--- json
{"agent": {"name": "Dana"}}



=== TEST 15: a token that was made up
--- more_headers eval
'Authorization: Bearer ' . 'A' x 43
--- request
GET /support/v1/agent/session
--- error_code: 401



=== TEST 16: a session that has been idle too long
--- more_headers eval
'Authorization: Bearer '
. ChatTest::agent_token('dana', expires => '-1 second')
--- request
GET /support/v1/agent/session
--- error_code: 401



=== TEST 17: use keeps a session alive, up to its end
--- more_headers eval
'Authorization: Bearer '
. ChatTest::agent_token('idle', expires => '1 hour', ends => '3 hours')
--- request
GET /support/v1/agent/session
--- sql eval
"SELECT expires_at = ends_at FROM chat.agent_session WHERE agent = '"
. ChatTest::agent('idle') . "'"
--- sql_is: t



=== TEST 18: the session of an agent who has been disabled
--- more_headers eval
my $token = ChatTest::agent_token('ex');
ChatTest::psql("UPDATE chat.agent SET disabled_at = now() WHERE id = '"
               . ChatTest::agent('ex') . "'");
"Authorization: Bearer $token"
--- request
GET /support/v1/agent/session
--- error_code: 401



=== TEST 19: signing out ends the session at once
--- more_headers eval
'Authorization: Bearer ' . ChatTest::agent_token('tired')
--- request eval
["GET /support/v1/conversations", "DELETE /support/v1/agent/session",
 "GET /support/v1/conversations", "GET /support/v1/agent/session"]
--- error_code eval
[200, 204, 401, 401]
--- sql eval
"SELECT revoked_at IS NOT NULL FROM chat.agent_session WHERE agent = '"
. ChatTest::agent('tired') . "'"
--- sql_is: t



=== TEST 20: signing out takes the cookie away
--- more_headers eval
"Sec-Fetch-Site: same-origin\nCookie: chat-agent-$::Site="
. ChatTest::agent_token('cookie')
--- request
DELETE /support/v1/agent/session
--- error_code: 204
--- response_headers_like eval
"Set-Cookie: chat-agent-$::Site=; Path=/; Max-Age=0; .*"



=== TEST 21: nobody signs out
--- request
DELETE /support/v1/agent/session
--- error_code: 401



=== TEST 22: another site cannot sign an agent out
--- more_headers eval
"Sec-Fetch-Site: cross-site\nCookie: chat-agent-$::Site="
. ChatTest::agent_token('dana')
--- request
DELETE /support/v1/agent/session
--- error_code: 403
