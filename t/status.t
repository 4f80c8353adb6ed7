# Liveness, readiness, chat_status and the variables of logs.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;

our $Id = conversation('alice', 'hello');

plan tests => 42;
run_tests();

__DATA__

=== TEST 1: live
--- request
GET /support/v1/live
--- response_headers
Content-Type: application/json
Cache-Control: no-store



=== TEST 2: ready
--- request
GET /support/v1/ready
--- response_headers
Content-Type: application/json



=== TEST 3: live without PostgreSQL, not ready
--- http_config
    chat_postgres "host=/nonexistent dbname=chat user=chat";
--- not_ready
--- request eval
["GET /support/v1/live", "GET /support/v1/ready"]
--- error_code eval
[200, 503]
--- response_headers_like eval
['', 'Retry-After: [1-9]\d*']



=== TEST 4: without PostgreSQL everything else is 503, with Retry-After
--- http_config
    chat_postgres "host=/nonexistent dbname=chat user=chat";
--- not_ready
--- as: visitor alice
--- timeout: 2s
--- request eval
["GET /support/v1/conversations",
 "POST /support/v1/conversations\n" . '{"client_msg_id":"a","text":"b"}',
 "GET /support/v1/stream?conversation=$::Id&wait=55",
 "POST /support/v1/session\n" . '{"mode":"bearer"}']
--- error_code eval
[(503) x 4]
--- response_headers_like eval
[('Retry-After: [1-9]\d*') x 4]
--- json eval
[('{"status": 503, "code": "unavailable"}') x 4]



=== TEST 5: pages are served without PostgreSQL
--- http_config
    chat_postgres "host=/nonexistent dbname=chat user=chat";
--- not_ready
--- request eval
["GET /support/w.js", "GET /support/console/"]
--- error_code eval
[200, 200]



=== TEST 6: chat_status in Prometheus' format
--- config
    location /support/ { chat on; }
    location = /status { chat_status; }
--- request
GET /status
--- response_headers_like
Content-Type: text/plain.*
--- response_body_like
# TYPE chat_\w+ counter.*# TYPE chat_\w+ gauge



=== TEST 7: chat_status in JSON
--- config
    location /support/ { chat on; }
    location = /status { chat_status; }
--- request eval
["GET /status?format=json", "GET /status"]
--- more_headers eval
['', 'Accept: application/json']
--- response_headers eval
[('Content-Type: application/json') x 2]
--- json eval
['{}', '{}']



=== TEST 8: chat_status counts what it is said to
--- config
    location /support/ { chat on; }
    location = /status { chat_status; }
--- as
visitor alice
nobody
--- request eval
["POST /support/v1/conversations/$::Id/messages\n"
 . '{"client_msg_id":"s-1","text":"counted"}', "GET /status"]
--- error_code eval
[201, 200]
--- response_body_like eval
['', '(?m)^chat_messages(_total)? 1$']



=== TEST 9: variables
--- config
    location /support/ {
        chat on;
        add_header X-Who "$chat_site $chat_role $chat_visitor" always;
        add_header X-What "$chat_conversation $chat_action $chat_transport"
                   always;
    }
--- as: visitor alice
--- request eval
"GET /support/v1/conversations/$::Id"
--- response_headers_like eval
'X-Who: ' . ChatTest::site() . ' visitor ' . ChatTest::visitor('alice')
. "\nX-What: $::Id [a-z_.]+ http"



=== TEST 10: variables of an agent's poll
--- config
    location /support/ {
        chat on;
        add_header X-Log "$chat_role $chat_transport" always;
    }
--- as: agent dana
--- request eval
"GET /support/v1/stream?conversation=$::Id&wait=0"
--- response_headers
X-Log: agent poll



=== TEST 11: variables outside of chat
--- config
    location /support/ { chat on; }
    location /t {
        add_header X-Log "[$chat_site$chat_role$chat_visitor]";
        return 204;
    }
--- request
GET /t
--- error_code: 204
--- response_headers
X-Log: []
