# A visitor's session: started, resumed, renewed; cookie and bearer.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;

our $Site = site();
our $Old = visitor('old', valid_from => int(time * 1000) - 1000);

psql("UPDATE chat.visitor SET name = 'Nora' WHERE id = '"
     . visitor('nora') . "'");
our $Talk = conversation('nora', 'good morning', 'anybody?');

psql("UPDATE chat.visitor SET user_agent = 'Known', time_zone = 'UTC' "
     . "WHERE id = '" . visitor($_) . "'") for 'zoe', 'zara';
our $Row = psql("SELECT xmin, ctid FROM chat.visitor WHERE id = '"
                . visitor('zara') . "'");

# a certificate and its key in one file

our $Pem = build_dir() . "/session-$$.pem";

system("openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost "
       . "-keyout $Pem.key -out $Pem 2>$Pem.err && cat $Pem.key >> $Pem") == 0
    or die "openssl req failed\n";

plan tests => 88;
run_tests();

__DATA__

=== TEST 1: a new visitor with a bearer token
--- request
POST /support/v1/session
{"mode":"bearer"}
--- response_headers
Content-Type: application/json
Cache-Control: no-store
! Set-Cookie
--- json eval
qq({"visitor": {"id": "~^[0-9a-f-]{36}\$", "name": null, "verified": false},
    "token": "~^[A-Za-z0-9_-]{92}\$",
    "expires_at": "~^20[0-9-]+T[0-9:.]+Z\$",
    "site": {"name": "$::Site"}, "conversations": []})



=== TEST 2: a new visitor with a cookie
--- more_headers
Origin: http://localhost
--- request
POST /support/v1/session
{}
--- response_headers_like eval
"Set-Cookie: chat-visitor-$::Site=[A-Za-z0-9_-]{92}; Path=/; "
. "Max-Age=2592000; HttpOnly; SameSite=Lax"
--- json
{"visitor": {"id": "*"}, "token": "!", "expires_at": "*"}



=== TEST 3: a secure cookie
--- chat: chat_secure on;
--- more_headers
Origin: https://localhost
--- request
POST /support/v1/session
{}
--- response_headers_like eval
"Set-Cookie: __Host-chat-visitor-$::Site=[A-Za-z0-9_-]{92}; Path=/; "
. "Max-Age=2592000; HttpOnly; SameSite=Lax; Secure"



=== TEST 4: an empty body asks for nothing in particular
--- more_headers
Sec-Fetch-Site: same-origin
--- request
POST /support/v1/session
--- json
{"visitor": {"id": "*"}, "conversations": []}



=== TEST 5: a session is resumed by its bearer token
--- as: visitor nora
--- request
POST /support/v1/session
{"mode":"bearer"}
--- json eval
my $nora = ChatTest::visitor('nora');
qq({"visitor": {"id": "$nora", "name": "Nora"}, "token": "*",
    "conversations": [{"id": "$::Talk", "status": "open",
        "last": {"seq": 2, "text": "anybody?",
                 "sender": {"kind": "visitor", "id": "$nora"}},
        "unread": 0, "version": 1, "assignee": null,
        "labels": "!", "priority": "!", "team": "!",
        "waiting_since": "!", "next": "~^[0-9a-f]{16}\\\\.2\$"}]})



=== TEST 6: a session is resumed by its cookie
--- more_headers eval
"Origin: http://localhost\nCookie: a=b; chat-visitor-$::Site="
. ChatTest::visitor_token('nora') . "; c=d"
--- request
POST /support/v1/session
{}
--- json eval
'{"visitor": {"id": "' . ChatTest::visitor('nora') . '"}}'



=== TEST 7: the new token is the visitor's
--- as: visitor nora
--- request
POST /support/v1/session
{"mode":"bearer"}
--- json eval
my $start = substr ChatTest::visitor_token('nora'), 0, 38;
qq({"token": "~^$start"})



=== TEST 8: an expired token makes a new visitor
--- more_headers eval
"Authorization: Bearer "
. ChatTest::visitor_token('nora', age => 30 * 86400 + 60)
--- request
POST /support/v1/session
{"mode":"bearer"}
--- json eval
'{"visitor": {"id": "~^(?!' . ChatTest::visitor('nora')
. ')"}, "conversations": []}'



=== TEST 9: a token from before valid_from makes a new visitor
--- more_headers eval
"Authorization: Bearer " . ChatTest::visitor_token('old', age => 60)
--- request
POST /support/v1/session
{"mode":"bearer"}
--- json eval
"{\"visitor\": {\"id\": \"~^(?!$::Old)\"}}"



=== TEST 10: a blocked visitor is told so
--- more_headers eval
ChatTest::psql("UPDATE chat.visitor SET blocked_at = now() WHERE id = '"
               . ChatTest::visitor('bad') . "'");
"Authorization: Bearer " . ChatTest::visitor_token('bad')
--- request
POST /support/v1/session
{"mode":"bearer"}
--- error_code: 403
--- json
{"code": "forbidden", "detail": "the visitor is blocked"}



=== TEST 11: locale and page are kept
--- as: visitor lea
--- request
POST /support/v1/session
{"mode":"bearer","locale":"he-IL","page":"https://shop.test/a?b=1"}
--- sql eval
"SELECT locale, page FROM chat.visitor WHERE id = '"
. ChatTest::visitor('lea') . "'"
--- sql_is
he-IL|https://shop.test/a?b=1



=== TEST 12: the location's own site may be named
--- request eval
"POST /support/v1/session\n{\"mode\":\"bearer\",\"site\":\"$::Site\"}"
--- json eval
"{\"site\": {\"name\": \"$::Site\"}}"



=== TEST 13: another site may not
--- request
POST /support/v1/session
{"mode":"bearer","site":"other-site"}
--- error_code: 403
--- json
{"code": "forbidden"}



=== TEST 14: without a sign of the same origin there is no cookie
--- request
POST /support/v1/session
{}
--- error_code: 403
--- response_headers
! Set-Cookie
--- json
{"status": 403, "code": "forbidden"}



=== TEST 15: a cross-site request
--- more_headers
Sec-Fetch-Site: cross-site
Origin: http://evil.test
--- request
POST /support/v1/session
{}
--- error_code: 403
--- sql
SELECT count(*) FROM chat.visitor WHERE page = 'http://evil.test/'
--- sql_is: 0



=== TEST 16: a request of the same site but another origin
--- more_headers
Sec-Fetch-Site: same-site
Origin: http://localhost
--- request
POST /support/v1/session
{}
--- error_code: 403



=== TEST 17: an Origin of another port
--- more_headers
Origin: http://localhost:1
--- request
POST /support/v1/session
{}
--- error_code: 403



=== TEST 18: an opaque Origin
--- more_headers
Origin: null
--- request
POST /support/v1/session
{}
--- error_code: 403



=== TEST 19: a field of another type
--- request
POST /support/v1/session
{"mode":"bearer","locale":7}
--- error_code: 422
--- json
{"code": "invalid_field", "field": "locale"}



=== TEST 20: a mode that does not exist
--- more_headers
Sec-Fetch-Site: same-origin
--- request
POST /support/v1/session
{"mode":"header"}
--- error_code: 422
--- json
{"code": "invalid_field", "field": "mode"}



=== TEST 21: an unknown field
--- request
POST /support/v1/session
{"mode":"bearer","admin":true}
--- error_code: 422
--- json
{"code": "invalid_field", "field": "admin"}



=== TEST 22: an allowed origin gets a bearer token, and CORS
--- chat: chat_origin https://shop.test;
--- more_headers
Sec-Fetch-Site: cross-site
Origin: https://shop.test
--- request
POST /support/v1/session
{"mode":"bearer"}
--- response_headers_like
Access-Control-Allow-Origin: https://shop.test
Vary: .*Origin.*
--- json
{"token": "*"}



=== TEST 23: another origin gets no CORS
--- chat: chat_origin https://shop.test;
--- more_headers
Sec-Fetch-Site: cross-site
Origin: https://evil.test
--- request
POST /support/v1/session
{"mode":"bearer"}
--- response_headers
! Access-Control-Allow-Origin



=== TEST 24: a preflight of an allowed origin
--- chat: chat_origin https://shop.test;
--- more_headers
Origin: https://shop.test
Access-Control-Request-Method: POST
Access-Control-Request-Headers: authorization,content-type
--- request
OPTIONS /support/v1/session
--- error_code: 204
--- response_headers_like
Access-Control-Allow-Origin: https://shop.test
Access-Control-Allow-Methods: .*POST.*
Access-Control-Allow-Headers: (?i).*authorization.*



=== TEST 25: a preflight of another origin
--- chat: chat_origin https://shop.test;
--- more_headers
Origin: https://evil.test
Access-Control-Request-Method: POST
--- request
OPTIONS /support/v1/session
--- error_code_like: ^40[35]$
--- response_headers
! Access-Control-Allow-Origin



=== TEST 26: chat_secure auto follows the connection
--- http_config eval
"    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_1 ssl;
        ssl_certificate $::Pem;
        ssl_certificate_key $::Pem;
        location /support/ { chat on; }
    }"
--- config
    location /support/ {
        chat on;
        location /support/v1/session {
            proxy_pass https://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
            proxy_set_header Host localhost;
        }
    }
--- more_headers
Origin: https://localhost
--- request
POST /support/v1/session
{}
--- response_headers_like eval
"Set-Cookie: __Host-chat-visitor-$::Site=[A-Za-z0-9_-]{92}; .*; Secure"



=== TEST 27: an http origin is not that of an https site
--- http_config eval
"    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_1 ssl;
        ssl_certificate $::Pem;
        ssl_certificate_key $::Pem;
        location /support/ { chat on; }
    }"
--- config
    location /support/ {
        chat on;
        location /support/v1/session {
            proxy_pass https://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
            proxy_set_header Host localhost;
        }
    }
--- more_headers
Origin: http://localhost
--- request
POST /support/v1/session
{}
--- error_code: 403



=== TEST 28: behind a TLS proxy chat_secure says so
--- chat: chat_secure on;
--- more_headers eval
["Origin: https://localhost", "Origin: http://localhost"]
--- request eval
[("POST /support/v1/session\n{}") x 2]
--- error_code eval
[200, 403]



=== TEST 29: the browser is kept, as text
--- as: visitor uma
--- more_headers eval
"User-Agent: A\t\xc3\xa9\x80\xc2\x85\xed\xa0\x80\x7f\xf0\x9f\x98\x80B"
. 'x' x 500 . "\xe2\x82\xac\xe2\x82\xac"
--- request
POST /support/v1/session
{"mode":"bearer","time_zone":"Asia/Jerusalem"}
--- sql eval
"SELECT user_agent = 'A' || chr(233) || chr(128512) || 'B' || repeat('x', 500)
        || chr(8364), octet_length(user_agent), time_zone
   FROM chat.visitor WHERE id = '" . ChatTest::visitor('uma') . "'"
--- sql_is
t|511|Asia/Jerusalem



=== TEST 30: who says nothing of it takes nothing away
--- as: visitor zoe
--- request
POST /support/v1/session
{"mode":"bearer"}
--- sql eval
"SELECT user_agent, time_zone FROM chat.visitor WHERE id = '"
. ChatTest::visitor('zoe') . "'"
--- sql_is
Known|UTC



=== TEST 31: a visitor sees nothing of it, and what is known is not written
--- as: visitor zara
--- more_headers
User-Agent: Known
--- request
POST /support/v1/session
{"mode":"bearer","time_zone":"UTC"}
--- json
{"visitor": {"user_agent": "!", "time_zone": "!", "claimed": "!"}}
--- sql eval
"SELECT xmin, ctid FROM chat.visitor WHERE id = '"
. ChatTest::visitor('zara') . "'"
--- sql_is eval
$::Row



=== TEST 32: what is no time zone
--- request eval
[map { "POST /support/v1/session\n" . ChatTest::json_encode(
           {mode => 'bearer', time_zone => $_}) }
 '', 'Asia/Jerusalem ', "UTC\x{1}", '<b>', 'a' x 65, "\x{e9}", '../x', 7]
--- error_code eval
[(422) x 8]
--- json eval
[('{"code": "invalid_field", "field": "time_zone"}') x 8]



=== TEST 33: what is one
--- request eval
[map { "POST /support/v1/session\n" . ChatTest::json_encode(
           {mode => 'bearer', time_zone => $_}) }
 'America/Argentina/Buenos_Aires', 'Etc/GMT+12', 'EST5EDT', '-03:30']
--- error_code eval
[(200) x 4]
