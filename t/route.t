# Which routes there are, who serves them, and by which methods.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;

plan tests => 53;
run_tests();

__DATA__

=== TEST 1: an unknown route
--- request
GET /support/v1/nothing
--- error_code: 404
--- response_headers
Content-Type: application/problem+json
Cache-Control: no-store
X-Content-Type-Options: nosniff
--- json
{"type": "about:blank", "title": "Not Found", "status": 404,
 "code": "not_found"}



=== TEST 2: the prefix alone is no page
--- request
GET /support/
--- error_code: 404



=== TEST 3: a path below a route
--- request
GET /support/v1/session/more
--- error_code: 404



=== TEST 4: a route without its version
--- request
GET /support/session
--- error_code: 404



=== TEST 5: an id that is none is unknown
--- as: visitor alice
--- request
GET /support/v1/conversations/17
--- error_code: 404
--- json
{"code": "not_found"}



=== TEST 6: an id with bytes after it is unknown
--- as: visitor alice
--- request eval
'GET /support/v1/conversations/' . ChatTest::uuid('none') . 'x/events'
--- error_code: 404
--- json
{"code": "not_found"}



=== TEST 7: a method that a route does not have
--- request
PUT /support/v1/session
--- error_code: 405
--- response_headers
Content-Type: application/problem+json
Allow: POST, PATCH, DELETE
--- json
{"status": 405, "code": "method_not_allowed"}



=== TEST 8: Allow names every method of the path
--- request
DELETE /support/v1/conversations
--- error_code: 405
--- response_headers_like
Allow: GET, (HEAD, )?POST



=== TEST 9: the methods of one conversation
--- request eval
'DELETE /support/v1/conversations/' . ChatTest::uuid('none')
--- error_code: 405
--- response_headers_like
Allow: GET, (HEAD, )?PATCH



=== TEST 10: POST where there is only GET
--- request eval
'POST /support/v1/conversations/' . ChatTest::uuid('none') . '/events'
--- error_code: 405
--- response_headers_like
Allow: GET(, HEAD)?



=== TEST 11: GET where there is only POST
--- request eval
'GET /support/v1/conversations/' . ChatTest::uuid('none') . '/messages'
--- error_code: 405
--- response_headers
Allow: POST



=== TEST 12: a method of no standard
--- raw_request eval
"FROB /support/v1/live HTTP/1.1\r\nHost: localhost\r\n"
. "Connection: close\r\n\r\n"
--- error_code_like: ^(405|501)$



=== TEST 13: HEAD is GET without a body
--- request
HEAD /support/v1/live
--- response_headers
Content-Type: application/json
--- response_body:



=== TEST 14: an escaped path is decoded once
--- request
GET /support/v1/%6cive



=== TEST 15: an agent's half serves no visitors
--- config
    location /support/ { chat agent; }
--- more_headers
Sec-Fetch-Site: same-origin
--- request eval
["POST /support/v1/session\n{}", "GET /support/w.js",
 "GET /support/console/"]
--- error_code eval
[404, 404, 200]



=== TEST 16: a visitor's half serves no agents
--- config
    location /support/ { chat visitor; }
--- more_headers
Sec-Fetch-Site: same-origin
--- request eval
["POST /support/v1/agent/session\n{\"email\":\"a\@b.c\",\"password\":\"x\"}",
 "GET /support/console/", "GET /support/w.js"]
--- error_code eval
[404, 404, 200]



=== TEST 17: a credential of the other half is none
--- config
    location /support/ { chat visitor; }
--- as: agent dana
--- request
GET /support/v1/conversations
--- error_code: 401



=== TEST 18: chat off leaves the location to others
--- config
    location /support/ {
        chat on;
        location /support/off/ { chat off; return 200 "plain"; }
    }
--- request
GET /support/off/v1/live
--- response_body: plain



=== TEST 19: any prefix will do
--- config
    location /help-desk/chat/ { chat on; }
    location /support/ { chat on; }
--- request
GET /help-desk/chat/v1/live



=== TEST 20: the loader
--- request
GET /support/w.js
--- response_headers_like
Content-Type: (application|text)/javascript.*
X-Content-Type-Options: nosniff



=== TEST 21: the loader again, by its ETag
--- init
ChatTest::Block::wait_ready();
--- request
GET /support/w.js
--- more_headers
If-None-Match: *
--- error_code: 304



=== TEST 22: the console may not be framed, and runs its own scripts only
--- request
GET /support/console/
--- response_headers_like
Content-Type: text/html.*
Content-Security-Policy: (?!.*unsafe-).*frame-ancestors 'none'.*
X-Content-Type-Options: nosniff



=== TEST 23: the console without its slash
--- request
GET /support/console
--- error_code: 301
--- response_headers_like
Location: (.*/support/)?console/



=== TEST 24: an asset that does not exist
--- request
GET /support/assets/nothing.js
--- error_code: 404



=== TEST 25: an asset is named by one word
--- request
GET /support/assets/a/nothing.js
--- error_code: 404



=== TEST 26: a query string is no part of a route
--- request
GET /support/v1/live?a=b&c
--- no_error_log
[error]
