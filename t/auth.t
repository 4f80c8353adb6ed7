# R10.  Who may do what: tokens that are forged, expired or revoked, every
# route to somebody else's conversation, and requests of other origins.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;

our $Site = site();
our $Id = conversation('alice', 'private');
our $Cookie = "Cookie: chat-visitor-$Site=" . visitor_token('alice');
our $AgentCookie = "Cookie: chat-agent-$Site=" . agent_token('dana');

visitor($_) for qw(blocked erased);
psql("UPDATE chat.visitor SET blocked_at = now() WHERE id = '"
     . visitor('blocked') . "'; UPDATE chat.visitor SET erased_at = now() "
     . "WHERE id = '" . visitor('erased') . "'");

agent('far', site => "$Site-2");

sub bearer { return "Authorization: Bearer $_[0]" }

# alice's token with one byte of it changed
sub changed {
    my ($at) = @_;
    my $token = visitor_token('alice');
    substr($token, $at, 1) =~ tr/A-Za-z0-9_-/B-Za-z0-9_\-A/;
    return $token;
}

# every route that names a conversation
sub routes {
    my ($id) = @_;
    my $path = "/support/v1/conversations/$id";

    return ["GET $path", "GET $path/events", "GET $path/events?before=9",
            "POST $path/messages\n" . '{"client_msg_id":"x","text":"x"}',
            "POST $path/read\n" . '{"seq":1}',
            "PATCH $path\n" . '{"status":"resolved"}',
            "GET /support/v1/stream?conversation=$id&wait=0"];
}

our $Message = "POST /support/v1/conversations/$Id/messages\n"
               . '{"client_msg_id":"o-1","text":"of which origin?"}';

plan tests => 129;
run_tests();

__DATA__

=== TEST 1: the token of its visitor, for comparison
--- as: visitor alice
--- request eval
"GET /support/v1/conversations/$::Id"



=== TEST 2: a token signed by another key under a known id
--- more_headers eval
main::bearer(ChatTest::visitor_token('alice', key => $ChatTest::OtherKey))
--- request eval
"GET /support/v1/conversations/$::Id"
--- error_code: 401
--- json
{"status": 401, "code": "unauthenticated"}



=== TEST 3: a token of an unknown key
--- more_headers eval
main::bearer(ChatTest::visitor_token('alice', kid => $ChatTest::OtherKid,
                                     key => $ChatTest::OtherKey))
--- request eval
"GET /support/v1/conversations/$::Id"
--- error_code: 401



=== TEST 4: a token of another version
--- more_headers eval
main::bearer(ChatTest::visitor_token('alice', version => 2))
--- request eval
"GET /support/v1/conversations/$::Id"
--- error_code: 401



=== TEST 5: a token of another site
--- more_headers eval
main::bearer(ChatTest::visitor_token('alice', site => 'other'))
--- request eval
"GET /support/v1/conversations/$::Id"
--- error_code: 401



=== TEST 6: a byte of the version, key id, site, visitor, time or signature
--- more_headers eval
[map { main::bearer(main::changed($_)) } 0, 3, 10, 25, 40, 45, 60, 90]
--- request eval
[("GET /support/v1/conversations/$::Id") x 8]
--- error_code eval
[(401) x 8]



=== TEST 7: tokens that are shorter, longer, empty or something else
--- more_headers eval
my $token = ChatTest::visitor_token('alice');
[map { main::bearer($_) } substr($token, 0, 91), $token . 'A', '', 'x',
 "$token$token", substr($token, 0, 91) . '=', substr($token, 0, 91) . '+',
 'A' x 7000]
--- request eval
[("GET /support/v1/conversations/$::Id") x 8]
--- error_code eval
[(401) x 8]



=== TEST 8: an expired token
--- more_headers eval
main::bearer(ChatTest::visitor_token('alice', age => 30 * 86400 + 5))
--- request eval
"GET /support/v1/conversations/$::Id"
--- error_code: 401



=== TEST 9: a token that is about to expire
--- more_headers eval
main::bearer(ChatTest::visitor_token('alice', age => 30 * 86400 - 60))
--- request eval
"GET /support/v1/conversations/$::Id"



=== TEST 10: a token from before valid_from, by every route
--- more_headers eval
my $id = ChatTest::conversation('revoked');
ChatTest::psql("UPDATE chat.visitor SET valid_from = chat.ms(now()) - 1000
                 WHERE id = '" . ChatTest::visitor('revoked') . "'");
$main::Revoked = $id;
main::bearer(ChatTest::visitor_token('revoked', age => 60))
--- request eval
main::routes($main::Revoked)
--- error_code eval
[(401) x 7]
--- sql eval
"SELECT count(*), max(c.status) FROM chat.event e, chat.conversation c
  WHERE c.id = '$main::Revoked' AND e.conversation = c.id"
--- sql_is: 1|open



=== TEST 11: visitors who are blocked or erased
--- as
visitor blocked
visitor erased
--- request eval
[("POST /support/v1/conversations\n" . '{"client_msg_id":"a","text":"b"}')
 x 2]
--- error_code eval
[401, 401]



=== TEST 12: a visitor who never was, with a genuine token
--- more_headers eval
main::bearer(ChatTest::visitor_token('none',
                                     visitor => ChatTest::uuid('ghost')))
--- request eval
["POST /support/v1/conversations\n" . '{"client_msg_id":"a","text":"b"}',
 "GET /support/v1/conversations"]
--- error_code eval
[401, 401]



=== TEST 13: another visitor, by every route
--- as: visitor mallory
--- request eval
main::routes($::Id)
--- error_code eval
[(404) x 7]
--- json eval
[('{"code": "not_found"}') x 7]
--- sql eval
"SELECT count(*), max(c.status),
        (SELECT count(*) FROM chat.read_mark m WHERE m.conversation = c.id)
   FROM chat.event e, chat.conversation c
  WHERE c.id = '$::Id' AND e.conversation = c.id AND e.client_msg_id = 'x'
  GROUP BY c.id"
--- sql_is:



=== TEST 14: an agent of another site, by every route
--- config
    location /support/ { chat on; }
--- http_config
    chat_site $TEST_NGINX_SITE-2;
--- as: agent far
--- request eval
main::routes($::Id)
--- error_code eval
[(404) x 7]



=== TEST 15: an agent's session is worth nothing on another site
--- as: agent far
--- request eval
main::routes($::Id)
--- error_code eval
[(401) x 7]



=== TEST 16: an unknown id is no other answer than a foreign one
--- as: visitor mallory
--- request eval
main::routes(ChatTest::uuid('never'))
--- error_code eval
[(404) x 7]
--- json eval
[('{"code": "not_found"}') x 7]



=== TEST 17: nobody, by every route
--- request eval
main::routes($::Id)
--- error_code eval
[(401) x 7]



=== TEST 18: another scheme
--- more_headers
Authorization: Basic YWxpY2U6c2VjcmV0
--- request eval
"GET /support/v1/conversations/$::Id"
--- error_code: 401



=== TEST 19: a token in the URL is none
--- request eval
"GET /support/v1/conversations/$::Id?token="
. ChatTest::visitor_token('alice') . '&access_token='
. ChatTest::visitor_token('alice')
--- error_code: 401



=== TEST 20: a cookie reads
--- more_headers eval
$::Cookie
--- request eval
"GET /support/v1/conversations/$::Id"



=== TEST 21: a cookie among others, and names that only look like it
--- more_headers eval
"Cookie: xchat-visitor-$::Site=1; a=b\n$::Cookie\n"
. "Cookie: chat-visitor-$::Site-x=2"
--- request eval
"GET /support/v1/conversations/$::Id"



=== TEST 22: the cookie of a secure site is not that of another
--- chat: chat_secure on;
--- more_headers eval
[$::Cookie, $::Cookie =~ s/chat-/__Host-chat-/r]
--- request eval
[("GET /support/v1/conversations/$::Id") x 2]
--- error_code eval
[401, 200]



=== TEST 23: a cookie does not write without a sign of the same origin
--- more_headers eval
$::Cookie
--- request eval
$::Message
--- error_code: 403
--- json
{"status": 403, "code": "forbidden"}
--- sql eval
"SELECT count(*) FROM chat.event WHERE conversation = '$::Id'
    AND text = 'of which origin?' AND sender_kind = 'nobody'"
--- sql_is: 0



=== TEST 24: nor from other sites
--- more_headers eval
[map { "$::Cookie\n$_" } 'Sec-Fetch-Site: cross-site',
 'Sec-Fetch-Site: same-site', 'Sec-Fetch-Site: none',
 'Origin: http://evil.test', 'Origin: null', 'Origin: https://localhost',
 'Origin: http://localhost.evil.test',
 "Sec-Fetch-Site: cross-site\nOrigin: http://localhost"]
--- request eval
[("POST /support/v1/conversations/$::Id/messages\n"
  . '{"client_msg_id":"o-2","text":"forged"}') x 8]
--- error_code eval
[(403) x 8]
--- sql eval
"SELECT count(*) FROM chat.event WHERE conversation = '$::Id'
    AND text = 'forged'"
--- sql_is: 0



=== TEST 25: it does from its own origin, said either way
--- more_headers eval
["$::Cookie\nSec-Fetch-Site: same-origin",
 "$::Cookie\nOrigin: http://localhost"]
--- request eval
["POST /support/v1/conversations/$::Id/messages\n"
 . '{"client_msg_id":"o-3","text":"own"}',
 "POST /support/v1/conversations/$::Id/messages\n"
 . '{"client_msg_id":"o-4","text":"own"}']
--- error_code eval
[201, 201]



=== TEST 26: an origin names its port and its host as the request does
--- more_headers eval
["$::Cookie\nHost: shop.test:8443\nOrigin: http://shop.test:8443",
 "$::Cookie\nHost: shop.test:8443\nOrigin: http://shop.test",
 "$::Cookie\nHost: Shop.test\nOrigin: http://shop.test"]
--- request eval
[map { "POST /support/v1/conversations/$::Id/read\n" . '{"seq":1}' } 1 .. 3]
--- error_code eval
[204, 403, 204]



=== TEST 27: every unsafe route asks for it
--- more_headers eval
$::Cookie
--- request eval
["POST /support/v1/conversations\n" . '{"client_msg_id":"y","text":"y"}',
 "POST /support/v1/conversations/$::Id/read\n" . '{"seq":1}',
 "PATCH /support/v1/conversations/$::Id\n" . '{"status":"resolved"}']
--- error_code eval
[403, 403, 403]



=== TEST 28: a bearer token needs no origin, wherever it comes from
--- as: visitor alice
--- more_headers
Sec-Fetch-Site: cross-site
Origin: http://app.test
--- request eval
"POST /support/v1/conversations/$::Id/messages\n"
. '{"client_msg_id":"o-5","text":"from an app"}'
--- error_code: 201



=== TEST 29: a bearer token that is no good is not made good by a cookie
--- more_headers eval
main::bearer('x') . "\n$::Cookie"
--- request eval
"GET /support/v1/conversations/$::Id"
--- error_code: 401



=== TEST 30: both cookies: a visitor unless said otherwise
--- config
    location /support/ {
        chat on;
        add_header X-Role $chat_role always;
    }
--- more_headers eval
my $both = "$::Cookie; " . substr $::AgentCookie, 8;
[$both, "$both\nX-Chat-Role: agent", $both, $::AgentCookie]
--- request eval
["GET /support/v1/conversations", "GET /support/v1/conversations",
 "GET /support/v1/stream?conversation=$::Id&wait=0&role=agent",
 "GET /support/v1/conversations"]
--- response_headers eval
['X-Role: visitor', 'X-Role: agent', 'X-Role: agent', 'X-Role: agent']



=== TEST 31: a role without its credential
--- more_headers eval
"$::Cookie\nX-Chat-Role: agent"
--- request
GET /support/v1/conversations
--- error_code: 401



=== TEST 32: after a rotation both keys are good, and the first signs
--- suppress_stderr
--- http_config
    chat_key $TEST_NGINX_SERVER_ROOT/html/two;
--- user_files eval
[["two" => "# new first\n$ChatTest::OtherKid $ChatTest::OtherKey\n\n"
           . "$ChatTest::Kid $ChatTest::Key\n"]]
--- more_headers eval
[main::bearer(ChatTest::visitor_token('alice')),
 main::bearer(ChatTest::visitor_token('alice', kid => $ChatTest::OtherKid,
                                      key => $ChatTest::OtherKey)),
 main::bearer(ChatTest::visitor_token('alice'))]
--- request eval
["GET /support/v1/conversations/$::Id",
 "GET /support/v1/conversations/$::Id",
 "POST /support/v1/session\n" . '{"mode":"bearer"}']
--- error_code eval
[200, 200, 200]
--- json eval
my $start = ChatTest::base64url(pack 'C H8', 1, $ChatTest::OtherKid);
$start = substr $start, 0, 6;
[undef, undef, qq({"token": "~^$start"})]



=== TEST 33: a token is never in the log
--- log_level: info
--- more_headers eval
$main::Expired = ChatTest::visitor_token('alice', age => 40 * 86400);
main::bearer($main::Expired)
--- request eval
"GET /support/v1/conversations/$::Id"
--- error_code: 401
--- no_error_log eval
[$main::Expired]
