# PATCH of a conversation: status, assignee, version.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;

our $Dana = agent('dana', name => 'Dana');
our $Eli = agent('eli', name => 'Eli');
our $Gone = agent('gone');
our $Far = agent('far', site => site() . '-2');
our %Id = map { $_ => conversation('alice', "first of $_") } 1 .. 19;

psql("UPDATE chat.agent SET disabled_at = now() WHERE id = '$Gone'");
psql("UPDATE chat.conversation SET erased_at = now() WHERE id = '$Id{13}'");

sub patch {
    my ($n, $body) = @_;
    return "PATCH /support/v1/conversations/$Id{$n}\n$body";
}

sub row {
    my ($n) = @_;
    return 'SELECT status, assignee, version, last_seq '
           . "FROM chat.conversation WHERE id = '$Id{$n}'";
}

plan tests => 105;
run_tests();

__DATA__

=== TEST 1: an agent resolves
--- as: agent dana
--- request eval
main::patch(1, '{"status":"resolved"}')
--- json eval
qq({"id": "$::Id{1}", "status": "resolved", "version": 2,
    "waiting_since": null, "next": "~\\\\.2\$"})
--- sql eval
"SELECT seq, type, internal, sender_kind, sender_id = '$::Dana', data->>'status'
   FROM chat.event WHERE conversation = '$::Id{1}' AND seq = 2"
--- sql_is: 2|status|f|agent|t|resolved



=== TEST 2: an agent takes it
--- as: agent dana
--- request eval
main::patch(2, qq({"assignee":"$::Dana"}))
--- json eval
qq({"assignee": {"id": "$::Dana", "name": "Dana"}, "version": 2})
--- sql eval
"SELECT seq, type, internal FROM chat.event
  WHERE conversation = '$::Id{2}' AND seq = 2"
--- sql_is: 2|assignment|t



=== TEST 3: and gives it back
--- as: agent dana
--- request eval
[main::patch(3, qq({"assignee":"$::Eli"})),
 main::patch(3, qq({"assignee":null}))]
--- json eval
[qq({"assignee": {"id": "$::Eli"}, "version": 2}),
 '{"assignee": null, "version": 3}']
--- sql eval
main::row(3)
--- sql_is: open||3|3



=== TEST 4: both at once are two events
--- as: agent dana
--- request eval
main::patch(4, qq({"status":"pending","assignee":"$::Dana","version":1}))
--- json
{"status": "pending", "version": 3}
--- sql eval
"SELECT string_agg(type, ',' ORDER BY seq) FROM chat.event
  WHERE conversation = '$::Id{4}'"
--- sql_is: message,status,assignment



=== TEST 5: a version that is behind changes nothing
--- as: agent dana
--- request eval
[main::patch(5, '{"status":"pending","version":1}'),
 main::patch(5, '{"status":"resolved","version":1}')]
--- error_code eval
[200, 409]
--- json eval
['{"version": 2}',
 qq({"status": 409, "code": "conflict",
     "conversation": {"id": "$::Id{5}", "status": "pending", "version": 2}})]
--- sql eval
main::row(5)
--- sql_is: pending||2|2



=== TEST 6: what it is already makes no event
--- as: agent dana
--- request eval
main::patch(6, '{"status":"open","assignee":null}')
--- json
{"status": "open", "version": 1}
--- sql eval
main::row(6)
--- sql_is: open||1|1



=== TEST 7: a visitor resolves
--- as: visitor alice
--- request eval
main::patch(7, '{"status":"resolved"}')
--- json
{"status": "resolved", "version": 2, "labels": "!"}
--- sql eval
main::row(7)
--- sql_is: resolved||2|2



=== TEST 8: a visitor does nothing else
--- as: visitor alice
--- request eval
[main::patch(8, '{"status":"open"}'), main::patch(8, '{"status":"pending"}'),
 main::patch(8, qq({"assignee":"$::Dana"})),
 main::patch(8, '{"status":"resolved","assignee":null}')]
--- error_code eval
[403, 403, 403, 403]
--- json eval
[('{"code": "forbidden"}') x 4]
--- sql eval
main::row(8)
--- sql_is: open||1|1



=== TEST 9: a status that does not exist
--- as: agent dana
--- request eval
[main::patch(9, '{"status":"closed"}'), main::patch(9, '{"status":1}'),
 main::patch(9, '{"status":null}')]
--- error_code eval
[422, 422, 422]
--- json eval
[('{"code": "invalid_field", "field": "status"}') x 3]



=== TEST 10: an assignee who is none
--- as: agent dana
--- request eval
[main::patch(10, '{"assignee":"me"}'),
 main::patch(10, '{"assignee":"' . ChatTest::uuid('nobody') . '"}'),
 main::patch(10, qq({"assignee":"$::Gone"})),
 main::patch(10, qq({"assignee":"$::Far"}))]
--- error_code eval
[422, 422, 422, 422]
--- json eval
[('{"code": "invalid_field", "field": "assignee"}') x 4]
--- sql eval
main::row(10)
--- sql_is: open||1|1



=== TEST 11: half of a change is no change
--- as: agent dana
--- request eval
main::patch(11, '{"status":"resolved","assignee":"'
            . ChatTest::uuid('nobody') . '"}')
--- error_code: 422
--- sql eval
main::row(11)
--- sql_is: open||1|1



=== TEST 12: a version that is none
--- as: agent dana
--- request eval
[main::patch(12, '{"status":"resolved","version":"1"}'),
 main::patch(12, '{"status":"resolved","version":-1}')]
--- error_code eval
[422, 422]
--- json eval
[('{"field": "version"}') x 2]



=== TEST 13: an erased conversation
--- as: agent dana
--- request eval
main::patch(13, '{"status":"resolved"}')
--- error_code: 410



=== TEST 14: somebody else's
--- as: visitor bob
--- request eval
main::patch(14, '{"status":"resolved"}')
--- error_code: 404
--- sql eval
main::row(14)
--- sql_is: open||1|1



=== TEST 15: a visitor sees the status, not the assignment
--- as
agent dana
visitor alice
--- request eval
[main::patch(15, qq({"status":"pending","assignee":"$::Dana"})),
 "GET /support/v1/conversations/$::Id{15}/events"]
--- json eval
['{"version": 3}',
 qq({"events": [{"seq": 1}, {"type": "status", "seq": 2,
     "status": "pending", "visibility": "public",
     "sender": {"kind": "agent", "id": "$::Dana", "name": "Dana"}}],
     "next": "~\\\\.2\$"})]



=== TEST 16: an agent sees both
--- as: agent dana
--- request eval
[main::patch(12, qq({"status":"pending","assignee":"$::Dana"})),
 "GET /support/v1/conversations/$::Id{12}/events"]
--- json eval
[undef, qq({"events": [{"seq": 1}, {"type": "status"},
    {"type": "assignment", "seq": 3, "visibility": "internal",
     "assignee": {"id": "$::Dana", "name": "Dana"}}]})]



=== TEST 17: a reason is told with the change of the assignee
--- as: agent dana
--- request eval
[main::patch(16, qq({"assignee":"$::Dana","reason":"knows\\r\\nhim"})),
 "GET /support/v1/conversations/$::Id{16}/events"]
--- json eval
['{"version": 2, "reason": "!"}',
 qq({"events": [{"seq": 1}, {"type": "assignment",
     "visibility": "internal", "reason": "knows\\nhim",
     "assignee": {"id": "$::Dana"}}]})]



=== TEST 18: and of the priority, once
--- as: agent dana
--- request eval
[main::patch(17, qq({"assignee":"$::Dana","priority":"high",)
             . '"labels":[],"status":"pending","reason":"hurry"}'),
 "GET /support/v1/conversations/$::Id{17}/events"]
--- json eval
['{"version": 4}',
 qq({"events": [{"seq": 1}, {"type": "status", "reason": "!"},
     {"type": "assignment", "reason": "!"},
     {"type": "change", "priority": "high", "reason": "hurry"}]})]



=== TEST 19: a reason of nothing
--- as: agent dana
--- request eval
[main::patch(18, '{"reason":"why"}'),
 main::patch(18, '{"status":"resolved","labels":[],"reason":"why"}'),
 main::patch(18, '{"assignee":null,"priority":null,"team":null,'
             . '"status":"resolved","reason":"why"}'),
 main::patch(18, '{"priority":"low","version":1}'),
 main::patch(18, '{"priority":"low","version":1,"reason":"why"}')]
--- error_code eval
[422, 422, 422, 200, 409]
--- json eval
[('{"code": "invalid_field", "field": "reason", "detail": "~goes with"}') x 2,
 '{"code": "invalid_field", "field": "reason", "detail": "~changes"}',
 '{"version": 2}', '{"code": "conflict"}']
--- sql eval
main::row(18)
--- sql_is: open||2|2



=== TEST 20: what a reason is
--- as: agent dana
--- request eval
[(map { main::patch(19, '{"priority":"low","reason":' . $_ . '}') }
  '""', '" \\n"', 'null', '7', '"a\\u0001b"', '"' . 'x' x 1001 . '"',
  '"' . '\\ud83d\\ude00' x 1001 . '"'),
 main::patch(19, '{"priority":"low","reason":"' . '\\ud83d\\ude00' x 1000
             . '"}')]
--- error_code eval
[(422) x 7, 200]
--- json eval
[('{"code": "invalid_field", "field": "reason"}') x 7, '{"version": 2}']
--- sql eval
"SELECT char_length(data ->> 'reason') FROM chat.event
  WHERE conversation = '$::Id{19}' AND type = 'change'"
--- sql_is: 1000



=== TEST 21: not for visitors
--- as: visitor alice
--- request eval
[main::patch(19, '{"status":"resolved","reason":"why"}'),
 main::patch(19, qq({"assignee":"$::Dana","reason":"why"}))]
--- error_code eval
[422, 403]
--- json eval
['{"code": "invalid_field", "field": "reason"}', '{"code": "forbidden"}']
