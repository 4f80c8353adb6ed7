# Starting conversations, reading one, listing them.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;

our ($Alice, $Bob) = (visitor('alice'), visitor('bob'));
our $Dana = agent('dana', name => 'Dana');
our $Id = conversation('alice', 'first', 'second');

message($Id, 'agent dana', 'the answer');
message($Id, 'note dana', 'an internal note');

our $Erased = conversation('erased', 'to be forgotten');
psql("UPDATE chat.conversation SET erased_at = now() WHERE id = '$Erased'");

# a visitor with a list to page through, oldest first
our @Many = map { conversation('many', "talk $_") } 1 .. 5;

sub listed { return join ', ', map { qq({"id": "$_"}) } @_ }
sub create { return "POST /support/v1/conversations\n$_[0]" }

plan tests => 68;
run_tests();

__DATA__

=== TEST 1: a visitor starts a conversation
--- as: visitor new
--- request eval
main::create('{"client_msg_id":"n-1","text":"hello there"}')
--- error_code: 201
--- response_headers
Content-Type: application/json
Cache-Control: no-store
--- json
{"id": "~^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
 "seq": 1, "duplicate": false, "client_msg_id": "n-1",
 "next": "~^[0-9a-f]{16}\\.1$", "created_at": "~^20[0-9-]+T[0-9:]+\\.\\d{3}Z$"}
--- sql eval
"SELECT e.seq, e.type, e.sender_kind, e.text, c.status, c.last_seq
   FROM chat.conversation c JOIN chat.event e ON e.conversation = c.id
  WHERE c.visitor = '" . ChatTest::visitor('new') . "'"
--- sql_is: 1|message|visitor|hello there|open|1



=== TEST 2: the same again is the same conversation
--- as: visitor again
--- request eval
[(main::create('{"client_msg_id":"a-1","text":"hello"}')) x 2]
--- error_code eval
[201, 200]
--- json eval
['{"seq": 1, "duplicate": false}',
 '{"seq": 1, "duplicate": true, "client_msg_id": "a-1", "next": "~\\\\.1$"}']
--- sql eval
"SELECT count(*) FROM chat.conversation WHERE visitor = '"
. ChatTest::visitor('again') . "'"
--- sql_is: 1



=== TEST 3: another text under a known id changes nothing
--- as: visitor other-text
--- request eval
[main::create('{"client_msg_id":"a-1","text":"one"}'),
 main::create('{"client_msg_id":"a-1","text":"two"}')]
--- error_code eval
[201, 200]
--- sql eval
"SELECT string_agg(text, ',') FROM chat.event WHERE sender_id = '"
. ChatTest::visitor('other-text') . "'"
--- sql_is: one



=== TEST 4: the id of a message belongs to its visitor
--- as
visitor first
visitor second
--- request eval
[(main::create('{"client_msg_id":"same","text":"hello"}')) x 2]
--- error_code eval
[201, 201]



=== TEST 5: nobody starts no conversation
--- request eval
main::create('{"client_msg_id":"a","text":"hello"}')
--- error_code: 401
--- json
{"status": 401, "code": "unauthenticated"}



=== TEST 6: an agent starts no conversation
--- as: agent dana
--- request eval
main::create('{"client_msg_id":"a","text":"hello"}')
--- error_code: 403
--- json
{"code": "forbidden"}



=== TEST 7: a conversation as its visitor sees it
--- as: visitor alice
--- request eval
"GET /support/v1/conversations/$::Id"
--- json eval
qq({"id": "$::Id", "status": "open", "assignee": null,
    "visitor": {"id": "$::Alice", "name": null, "verified": false},
    "last": {"seq": 3, "text": "the answer",
             "sender": {"kind": "agent", "id": "$::Dana", "name": "Dana"}},
    "unread": 1, "version": 1, "read": {}, "next": "~\\\\.3\$",
    "created_at": "~Z\$", "labels": "!", "priority": "!", "team": "!",
    "waiting_since": "!"})
--- response_body_unlike: internal note



=== TEST 8: a conversation as an agent sees it
--- as: agent dana
--- request eval
"GET /support/v1/conversations/$::Id"
--- json eval
qq({"id": "$::Id", "last": {"seq": 4, "text": "an internal note"},
    "unread": 2, "next": "~\\\\.4\$", "labels": [], "priority": null,
    "team": null, "waiting_since": null})



=== TEST 9: the conversation of somebody else
--- as: visitor bob
--- request eval
"GET /support/v1/conversations/$::Id"
--- error_code: 404
--- json
{"code": "not_found"}



=== TEST 10: a conversation that never was
--- as: agent dana
--- request eval
'GET /support/v1/conversations/' . ChatTest::uuid('never')
--- error_code: 404
--- json
{"code": "not_found"}



=== TEST 11: an erased conversation
--- as
visitor erased
agent dana
visitor bob
--- request eval
[("GET /support/v1/conversations/$::Erased") x 3]
--- error_code eval
[410, 410, 404]



=== TEST 12: an id in upper case is the same id
--- as: visitor alice
--- request eval
'GET /support/v1/conversations/' . uc $::Id
--- json eval
qq({"id": "$::Id"})



=== TEST 13: a visitor lists what is the visitor's, latest first
--- as: visitor many
--- request
GET /support/v1/conversations
--- json eval
'{"conversations": [' . main::listed(@::Many[4, 3, 2, 1, 0])
. '], "more": false}'



=== TEST 14: nobody lists nothing
--- request
GET /support/v1/conversations
--- error_code: 401



=== TEST 15: a page of a visitor's list
--- as: visitor many
--- request
GET /support/v1/conversations?limit=2
--- json eval
qq({"conversations": [{"id": "$::Many[4]"}, {"id": "$::Many[3]"}],
    "more": true, "page": "*"})



=== TEST 16: a page that is none
--- as
visitor many
agent dana
--- request eval
[("GET /support/v1/conversations?before=yesterday") x 2]
--- error_code eval
[422, 422]
--- json eval
[('{"code": "invalid_field", "field": "before"}') x 2]



=== TEST 17: an agent's list
--- as: agent dana
--- request
GET /support/v1/conversations?limit=200
--- response_body_like eval
my $id = $::Id;
qr/"$id".*"an internal note"|"an internal note".*"$id"/s



=== TEST 18: an erased conversation is in no list
--- as
agent dana
visitor erased
--- request eval
[("GET /support/v1/conversations?limit=200") x 2]
--- response_body_unlike eval
[$::Erased, $::Erased]



=== TEST 19: a filter by status
--- as
agent dana
agent dana
--- request eval
["GET /support/v1/conversations?status=resolved",
 "GET /support/v1/conversations?status=open&limit=1"]
--- json eval
['{"conversations": [], "more": false}', '{"more": true}']



=== TEST 20: filters that are none
--- as: agent dana
--- request eval
["GET /support/v1/conversations?status=lost",
 "GET /support/v1/conversations?assignee=somebody",
 "GET /support/v1/conversations?limit=x"]
--- error_code eval
[422, 422, 422]
--- json eval
['{"field": "status"}', '{"field": "assignee"}', '{"field": "limit"}']



=== TEST 21: a limit is clamped
--- as: agent dana
--- request
GET /support/v1/conversations?limit=5000



=== TEST 22: an unknown query parameter is ignored
--- as: visitor many
--- request
GET /support/v1/conversations?colour=red&limit=1
--- json
{"more": true}



=== TEST 23: a search for a word, with a sign that SQL would take for more
--- as: agent dana
--- request eval
["GET /support/v1/conversations?q=TALK%203",
 "GET /support/v1/conversations?q=t%25k"]
--- json eval
[qq({"conversations": [{"id": "$::Many[2]"}]}), '{"conversations": []}']



=== TEST 24: the first message is bad: there is no conversation
--- as: visitor nothing
--- request eval
main::create('{"client_msg_id":"a","text":""}')
--- error_code: 422
--- json
{"field": "text"}
--- sql eval
"SELECT count(*) FROM chat.conversation WHERE visitor = '"
. ChatTest::visitor('nothing') . "'"
--- sql_is: 0
