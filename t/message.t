# R1, R2.  Sending: what is acknowledged is in the record, once, in one order.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;

our ($Alice, $Bob) = (visitor('alice'), visitor('bob'));
our $Dana = agent('dana', name => 'Dana');
agent('eli', name => 'Eli');

# a conversation for each block that stores something

our %Id = map { $_ => conversation('alice', "first of $_") } 1 .. 16;

psql("UPDATE chat.conversation SET status = 'resolved' WHERE id IN "
     . "('$Id{9}', '$Id{10}')");
psql("UPDATE chat.conversation SET erased_at = now() WHERE id = '$Id{11}'");
message($Id{12}, 'agent eli', 'I am on it');

sub to {
    my ($n, $body) = @_;
    return "POST /support/v1/conversations/$Id{$n}/messages\n$body";
}

sub events {
    my ($n, $columns) = @_;
    return "SELECT $columns FROM chat.event WHERE conversation = '$Id{$n}' "
           . 'ORDER BY seq';
}

plan tests => 57;
run_tests();

__DATA__

=== TEST 1: a visitor's message
--- as: visitor alice
--- request eval
main::to(1, '{"client_msg_id":"m-1","text":"hi"}')
--- error_code: 201
--- json
{"seq": 2, "id": "~^[0-9a-f-]{36}$", "client_msg_id": "m-1",
 "created_at": "~^20[0-9-]+T[0-9:.]+Z$", "duplicate": false}
--- sql eval
main::events(1, 'seq, sender_kind, internal, text')
--- sql_is
1|visitor|f|first of 1
2|visitor|f|hi



=== TEST 2: an agent's message
--- as: agent dana
--- request eval
main::to(2, '{"client_msg_id":"m-1","text":"how can I help?"}')
--- error_code: 201
--- json
{"seq": 2, "duplicate": false}
--- sql eval
"SELECT sender_kind, sender_id = '$::Dana', internal FROM chat.event
  WHERE conversation = '$::Id{2}' AND seq = 2"
--- sql_is: agent|t|f



=== TEST 3: a repeat gets the first result
--- as: visitor alice
--- request eval
[main::to(3, '{"client_msg_id":"m-1","text":"one"}'),
 main::to(3, '{"client_msg_id":"m-2","text":"two"}'),
 main::to(3, '{"client_msg_id":"m-1","text":"changed"}')]
--- error_code eval
[201, 201, 200]
--- json eval
['{"seq": 2}', '{"seq": 3}',
 '{"seq": 2, "duplicate": true, "client_msg_id": "m-1", "id": "*",
   "created_at": "*"}']
--- sql eval
main::events(3, 'seq, text')
--- sql_is
1|first of 3
2|one
3|two



=== TEST 4: the id of the first message is known too
--- as: visitor alice
--- request eval
my $first = ChatTest::psql("SELECT client_msg_id FROM chat.conversation
                             WHERE id = '$::Id{4}'");
main::to(4, qq({"client_msg_id":"$first","text":"hi"}))
--- error_code: 200
--- json
{"seq": 1, "duplicate": true}



=== TEST 5: an id belongs to its sender
--- as
visitor alice
agent dana
agent eli
--- request eval
[(main::to(5, '{"client_msg_id":"same","text":"hi"}')) x 3]
--- error_code eval
[201, 201, 201]
--- json eval
['{"seq": 2}', '{"seq": 3}', '{"seq": 4}']



=== TEST 6: an agent's note is internal
--- as: agent dana
--- request eval
main::to(6, '{"client_msg_id":"n-1","text":"a note","visibility":"internal"}')
--- error_code: 201
--- sql eval
"SELECT internal FROM chat.event WHERE conversation = '$::Id{6}' AND seq = 2"
--- sql_is: t



=== TEST 7: a visitor writes no notes
--- as: visitor alice
--- request eval
main::to(7, '{"client_msg_id":"n-1","text":"a note","visibility":"internal"}')
--- error_code: 403
--- json
{"code": "forbidden"}
--- sql eval
main::events(7, 'seq')
--- sql_is: 1



=== TEST 8: a visibility that does not exist
--- as: agent dana
--- request eval
main::to(7, '{"client_msg_id":"n-2","text":"a note","visibility":"secret"}')
--- error_code: 422
--- json
{"field": "visibility"}



=== TEST 9: a visitor's message opens a resolved conversation
--- as: visitor alice
--- request eval
main::to(9, '{"client_msg_id":"m-1","text":"one more thing"}')
--- error_code: 201
--- json
{"seq": 3}
--- sql eval
"SELECT c.status, e.seq, e.type, e.sender_kind, e.text
   FROM chat.conversation c JOIN chat.event e ON e.conversation = c.id
  WHERE c.id = '$::Id{9}' AND e.seq > 1 ORDER BY e.seq"
--- sql_is
open|2|status|system|
open|3|message|visitor|one more thing



=== TEST 10: an agent's message leaves it resolved
--- as: agent dana
--- request eval
main::to(10, '{"client_msg_id":"m-1","text":"have a nice day"}')
--- error_code: 201
--- sql eval
"SELECT status FROM chat.conversation WHERE id = '$::Id{10}'"
--- sql_is: resolved



=== TEST 11: an erased conversation takes nothing
--- as: visitor alice
--- request eval
main::to(11, '{"client_msg_id":"m-1","text":"hi"}')
--- error_code: 410
--- json
{"status": 410, "code": "gone"}
--- sql eval
main::events(11, 'seq')
--- sql_is: 1



=== TEST 12: an agent who has not seen another agent's reply
--- as: agent dana
--- request eval
main::to(12, '{"client_msg_id":"m-1","text":"me too","expected_seq":1}')
--- error_code: 409
--- json
{"status": 409, "code": "stale",
 "events": [{"seq": 2, "type": "message", "text": "I am on it",
             "sender": {"kind": "agent", "name": "Eli"}}]}
--- sql eval
main::events(12, 'seq')
--- sql_is
1
2



=== TEST 13: an agent who has seen it
--- as: agent dana
--- request eval
main::to(13, '{"client_msg_id":"m-1","text":"hi","expected_seq":1}')
--- error_code: 201



=== TEST 14: a known id is answered before it is stale
--- as
agent dana
agent eli
agent dana
--- request eval
[main::to(14, '{"client_msg_id":"m-1","text":"hi","expected_seq":1}'),
 main::to(14, '{"client_msg_id":"m-1","text":"ho"}'),
 main::to(14, '{"client_msg_id":"m-1","text":"hi","expected_seq":1}')]
--- error_code eval
[201, 201, 200]



=== TEST 15: an expected_seq that is none
--- as: agent dana
--- request eval
[main::to(15, '{"client_msg_id":"m-1","text":"hi","expected_seq":"1"}'),
 main::to(15, '{"client_msg_id":"m-1","text":"hi","expected_seq":-1}'),
 main::to(15, '{"client_msg_id":"m-1","text":"hi","expected_seq":1.5}')]
--- error_code eval
[422, 422, 422]
--- json eval
[('{"field": "expected_seq"}') x 3]



=== TEST 16: somebody else's conversation
--- as: visitor bob
--- request eval
main::to(15, '{"client_msg_id":"m-1","text":"hi"}')
--- error_code: 404
--- sql eval
main::events(15, 'seq')
--- sql_is: 1



=== TEST 17: a conversation that never was
--- as
visitor alice
agent dana
--- request eval
[('POST /support/v1/conversations/' . ChatTest::uuid('never')
  . "/messages\n" . '{"client_msg_id":"m-1","text":"hi"}') x 2]
--- error_code eval
[404, 404]



=== TEST 18: nobody
--- request eval
main::to(15, '{"client_msg_id":"m-1","text":"hi"}')
--- error_code: 401



=== TEST 19: a text is no HTML, no SQL and no format
--- as: visitor alice
--- request eval
main::to(16, q({"client_msg_id":"m-1","text":"<b>'; --%s%n\\\\\"&amp;"}))
--- error_code: 201
--- sql eval
"SELECT text FROM chat.event WHERE conversation = '$::Id{16}' AND seq = 2"
--- sql_is
<b>'; --%s%n\"&amp;



=== TEST 20: several requests on one connection
--- raw_request eval
my $token = ChatTest::visitor_token('alice');
[map {
    my $body = qq({"client_msg_id":"k-$_","text":"$_"});
    "POST /support/v1/conversations/$::Id{8}/messages HTTP/1.1\r\n"
    . "Host: localhost\r\nAuthorization: Bearer $token\r\n"
    . "Content-Type: application/json\r\nContent-Length: " . length($body)
    . "\r\n" . ($_ == 3 ? "Connection: close\r\n" : '') . "\r\n$body"
} 1 .. 3]
--- ignore_response
--- sql eval
main::events(8, 'seq, client_msg_id')
. ' OFFSET 1'
--- sql_is
2|k-1
3|k-2
4|k-3
