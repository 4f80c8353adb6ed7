# R10.  The stream as a long poll.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;

our $Dana = agent('dana', name => 'Dana');

# 1 visitor, 2 agent, 3 note
our $Id = conversation('alice', 'one');
message($Id, 'agent dana', 'two');
message($Id, 'note dana', 'three');

our $Epoch = epoch();

sub stream {
    my ($query, $id) = @_;
    return 'GET /support/v1/stream?conversation=' . ($id // $Id) . "&$query";
}

plan tests => 52;
run_tests();

__DATA__

=== TEST 1: there is something: it is answered at once
--- as: visitor alice
--- request eval
main::stream("since=$::Epoch.1&wait=55")
--- response_headers
Content-Type: application/json
Cache-Control: no-store
--- json eval
qq({"events": [{"type": "message", "conversation": "$::Id", "seq": 2,
                "text": "two", "visibility": "public"}],
    "next": "$::Epoch.2", "complete": true, "more": false,
    "state": {"version": "*", "read": {}, "typing": [], "presence": []}})



=== TEST 2: without since it is the last page
--- as: agent dana
--- request eval
main::stream('wait=0')
--- json eval
qq({"events": [{"seq": 1}, {"seq": 2}, {"seq": 3}], "next": "$::Epoch.3"})



=== TEST 3: at the head it waits, then is empty
--- as: agent dana
--- request eval
main::stream("since=$::Epoch.3&wait=1")
--- json eval
qq({"events": [], "next": "$::Epoch.3", "complete": true, "more": false})



=== TEST 4: a note does not end a visitor's poll
--- as: visitor alice
--- request eval
main::stream("since=$::Epoch.2&wait=1")
--- json eval
qq({"events": [], "next": "$::Epoch.2"})



=== TEST 5: wait=0 does not wait
--- as: visitor alice
--- request eval
main::stream("since=$::Epoch.2&wait=0")
--- timeout: 900ms
--- json
{"events": []}



=== TEST 6: chat_poll_timeout is the wait of those who do not say
--- chat: chat_poll_timeout 1s;
--- as: visitor alice
--- request eval
main::stream("since=$::Epoch.2")
--- json
{"events": []}



=== TEST 7: a state that has moved answers at once
--- as: visitor alice
--- request eval
main::stream("since=$::Epoch.2&state=0&wait=55")
--- json
{"events": [], "state": {"version": "*"}}



=== TEST 8: another epoch: the last events, and it says so
--- as: visitor alice
--- request eval
main::stream('since=0123456789abcdef.1&wait=55')
--- json eval
qq({"events": [{"seq": 1}, {"seq": 2}], "complete": false,
    "reason": "epoch", "next": "$::Epoch.2"})



=== TEST 9: ahead of the log
--- as: visitor alice
--- request eval
main::stream("since=$::Epoch.500&wait=55")
--- json eval
qq({"events": [{"seq": 1}, {"seq": 2}], "complete": false,
    "reason": "ahead", "next": "$::Epoch.2"})



=== TEST 10: somebody else's
--- as: visitor bob
--- request eval
main::stream("since=$::Epoch.0&wait=0")
--- error_code: 404



=== TEST 11: nobody's
--- request eval
main::stream('wait=0')
--- error_code: 401



=== TEST 12: what never was
--- as: agent dana
--- request eval
main::stream('wait=0', ChatTest::uuid('never'))
--- error_code: 404



=== TEST 13: no conversation
--- as: visitor alice
--- request
GET /support/v1/stream?wait=0
--- error_code: 422
--- json
{"code": "invalid_field", "field": "conversation"}



=== TEST 14: parameters that are none
--- as: agent dana
--- request eval
[main::stream('since=x'), main::stream("since=$::Epoch.3&wait=x"),
 main::stream("since=$::Epoch.3&wait=-1"),
 main::stream("since=$::Epoch.3&state=x"),
 'GET /support/v1/stream?conversation=x']
--- error_code_like eval
[('^422$') x 4, '^(404|422)$']
--- json eval
['{"field": "since"}', '{"field": "wait"}', '{"field": "wait"}',
 '{"field": "state"}', undef]



=== TEST 15: an agent's inbox: its first page at once
--- as: agent dana
--- request
GET /support/v1/stream?inbox=&wait=55
--- json eval
qq({"inbox": {"conversations": [{"id": "$::Id", "in": true, "unread": 1}],
              "next": "*", "more": false}})



=== TEST 16: an inbox and a conversation together
--- as: agent dana
--- request eval
main::stream("since=$::Epoch.0&inbox=&wait=55")
--- json eval
qq({"events": [{"seq": 1}, {"seq": 2}, {"seq": 3}], "next": "$::Epoch.3",
    "inbox": {"conversations": [{"id": "$::Id"}]}})



=== TEST 17: an inbox filtered
--- as: agent dana
--- request
GET /support/v1/stream?inbox=&status=resolved&wait=0
--- json
{"inbox": {"conversations": []}}



=== TEST 18: filters and cursors that are none
--- as: agent dana
--- request eval
["GET /support/v1/stream?inbox=&status=lost",
 "GET /support/v1/stream?inbox=&assignee=somebody",
 "GET /support/v1/stream?inbox=yesterday"]
--- error_code eval
[422, 422, 422]
--- json eval
['{"field": "status"}', '{"field": "assignee"}', '{"field": "inbox"}']



=== TEST 19: a visitor has no inbox
--- as: visitor alice
--- request
GET /support/v1/stream?inbox=&wait=0
--- error_code_like: ^(403|422)$



=== TEST 20: an erased conversation
--- as: visitor alice
--- request eval
my $id = ChatTest::conversation('alice', 'gone');
ChatTest::psql("UPDATE chat.conversation SET erased_at = now()
                 WHERE id = '$id'");
main::stream("since=$::Epoch.1&wait=55", $id)
--- error_code: 410



=== TEST 21: a client that goes away while it waits
--- as: visitor alice
--- request eval
main::stream("since=$::Epoch.2&wait=30")
--- timeout: 300ms
--- abort
--- ignore_response
--- no_error_log
[error]
[alert]



=== TEST 22: a cookie is not enough from another site
--- more_headers eval
'Cookie: chat-visitor-' . ChatTest::site() . '='
. ChatTest::visitor_token('alice') . "\nSec-Fetch-Site: cross-site\n"
. "Origin: http://evil.test"
--- request eval
main::stream("since=$::Epoch.1&wait=0")
--- response_headers
! Access-Control-Allow-Origin
