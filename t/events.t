# R4, R10.  Pages of a conversation's log, and its cursor.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;

our $Dana = agent('dana', name => 'Dana');
our $Alice = visitor('alice');

# 1 visitor, 2 agent, 3 note, 4 visitor, 5 note
our $Id = conversation('alice', 'one');
message($Id, 'agent dana', 'two');
message($Id, 'note dana', 'three, internal');
message($Id, 'visitor alice', 'four');
message($Id, 'note dana', 'five, internal');

# 1 .. 60
our $Long = conversation('alice', map { "line $_" } 1 .. 60);

# 5 messages of 16 KiB, of which many fill a page
our $Wide = conversation('alice', 'x' x 16384);
psql("INSERT INTO chat.event (conversation, seq, pub, vis, created_at, site,
          internal, id, sender_id, sender_kind, type, client_msg_id, text)
      SELECT conversation, n, n, n, created_at, site, false,
             gen_random_uuid(), sender_id, sender_kind, type, 'w-' || n, text
        FROM chat.event, generate_series(2, 40) n
       WHERE conversation = '$Wide' AND seq = 1;
      UPDATE chat.conversation SET last_seq = 40, public_seq = 40, pub = 40,
             vis = 40, message_seq = 40, public_message_seq = 40
       WHERE id = '$Wide'");

our $Epoch = epoch();

sub page {
    my ($query, $id) = @_;
    return 'GET /support/v1/conversations/' . ($id // $Id) . "/events$query";
}

sub seqs { return join ', ', map { qq({"seq": $_}) } @_ }

plan tests => 74;
run_tests();

__DATA__

=== TEST 1: the last page, as an agent sees it
--- as: agent dana
--- request eval
main::page('')
--- response_headers
Content-Type: application/json
Cache-Control: no-store
--- json eval
qq({"events": [
  {"type": "message", "conversation": "$::Id", "seq": 1, "id": "*",
   "client_msg_id": "*", "visibility": "public", "text": "one",
   "sender": {"kind": "visitor", "id": "$::Alice"},
   "created_at": "~^20[0-9-]+T[0-9:]+\\\\.\\\\d{3}Z\$"},
  {"seq": 2, "text": "two",
   "sender": {"kind": "agent", "id": "$::Dana", "name": "Dana"}},
  {"seq": 3, "visibility": "internal"}, {"seq": 4}, {"seq": 5}],
 "next": "$::Epoch.5", "complete": true, "more": false, "reason": "!"})



=== TEST 2: the last page, as the visitor sees it
--- as: visitor alice
--- request eval
main::page('')
--- json eval
'{"events": [' . main::seqs(1, 2, 4) . qq(], "next": "$::Epoch.4",
  "complete": true, "more": false})



=== TEST 3: not a word of a note
--- as: visitor alice
--- request eval
[main::page(''), main::page("?since=$::Epoch.0"),
 main::page("?since=$::Epoch.2"), main::page('?before=6')]
--- response_body_unlike eval
[('internal') x 4]



=== TEST 4: from the beginning
--- as: agent dana
--- request eval
main::page("?since=$::Epoch.0&limit=2")
--- json eval
'{"events": [' . main::seqs(1, 2) . qq(], "next": "$::Epoch.2",
  "complete": true, "more": true})



=== TEST 5: going on from next
--- as: agent dana
--- request eval
[main::page("?since=$::Epoch.2&limit=2"),
 main::page("?since=$::Epoch.4&limit=2"),
 main::page("?since=$::Epoch.5&limit=2")]
--- json eval
['{"events": [' . main::seqs(3, 4) . qq(], "next": "$::Epoch.4",
  "more": true}),
 '{"events": [' . main::seqs(5) . qq(], "next": "$::Epoch.5",
  "more": false}),
 qq({"events": [], "next": "$::Epoch.5", "more": false, "complete": true})]



=== TEST 6: a visitor's cursor may fall on a note
--- as: visitor alice
--- request eval
[main::page("?since=$::Epoch.3"), main::page("?since=$::Epoch.5")]
--- json eval
['{"events": [' . main::seqs(4) . '], "complete": true}',
 '{"events": [], "complete": true, "more": false}']



=== TEST 7: a page below a seq, both bounds exclusive
--- as: agent dana
--- request eval
[main::page('?before=4&limit=2'), main::page('?before=2&limit=2'),
 main::page('?before=1')]
--- json eval
['{"events": [' . main::seqs(2, 3) . '], "more": true}',
 '{"events": [' . main::seqs(1) . '], "more": false}',
 '{"events": [], "more": false}']



=== TEST 8: fifty unless told otherwise, more points backwards
--- as: visitor alice
--- request eval
main::page('', $::Long)
--- json eval
'{"events": [' . main::seqs(11 .. 60) . qq(], "more": true,
  "next": "$::Epoch.60"})



=== TEST 9: a limit is clamped
--- as: visitor alice
--- request eval
[main::page('?limit=1000', $::Long), main::page('?limit=0', $::Long)]
--- json eval
['{"events": [' . main::seqs(1 .. 60) . '], "more": false}',
 '{"more": true}']



=== TEST 10: a page ends at 256 KiB
--- as: visitor alice
--- request eval
[main::page("?since=$::Epoch.0&limit=200", $::Wide),
 main::page("?limit=200", $::Wide)]
--- json eval
['{"events": [' . main::seqs(1 .. 16) . qq(], "more": true,
  "next": "$::Epoch.16"}),
 '{"events": [' . main::seqs(25 .. 40) . qq(], "more": true,
  "next": "$::Epoch.40"})]



=== TEST 11: a cursor of another epoch: the last events, and it says so
--- as: agent dana
--- request eval
main::page('?since=0123456789abcdef.2')
--- json eval
'{"events": [' . main::seqs(1 .. 5) . qq(], "complete": false,
  "reason": "epoch", "next": "$::Epoch.5", "more": false})



=== TEST 12: a cursor from the future
--- as: agent dana
--- request eval
main::page("?since=$::Epoch.77")
--- json eval
'{"events": [' . main::seqs(1 .. 5) . qq(], "complete": false,
  "reason": "ahead", "next": "$::Epoch.5"})



=== TEST 13: what is no cursor
--- as: agent dana
--- request eval
[map { main::page("?since=$_") } '5', "$::Epoch", "$::Epoch.", "$::Epoch.-1",
 "$::Epoch.05", "$::Epoch.5x", "$::Epoch.99999999999999999999"]
--- error_code eval
[(422) x 7]
--- json eval
[('{"code": "invalid_field", "field": "since"}') x 7]



=== TEST 14: what is no seq
--- as: agent dana
--- request eval
[map { main::page("?before=$_") } 'x', '-1', '1.5',
 '99999999999999999999']
--- error_code eval
[(422) x 4]
--- json eval
[('{"field": "before"}') x 4]



=== TEST 15: what is no limit
--- as: agent dana
--- request eval
main::page('?limit=many')
--- error_code: 422
--- json
{"field": "limit"}



=== TEST 16: somebody else's
--- as: visitor bob
--- request eval
main::page('')
--- error_code: 404



=== TEST 17: nobody's
--- request eval
main::page('')
--- error_code: 401



=== TEST 18: text comes back as it went in
--- as: visitor alice
--- request eval
main::page('', ChatTest::conversation('alice',
           qq(\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d "q" \\ </script> \t\n)
           . "\xe2\x80\xa8\xf0\x9f\x98\x80"))
--- json eval
qq({"events": [{"text":
  "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \\"q\\" \\\\ </script> \\t\\n)
. qq(\xe2\x80\xa8\xf0\x9f\x98\x80"}]})
