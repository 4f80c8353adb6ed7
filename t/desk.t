# The desk: team, priority, labels and snooze of a conversation, lists by
# them, labels and canned replies.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;

our $Dana = agent('dana', name => 'Dana');
our $Sam = agent('sam', role => 'supervisor');
agent('far', site => site() . '-2');
our %Id = map { $_ => conversation("v$_", "first of $_") } 1 .. 20;
our $Team = uuid('team');
our $FarTeam = uuid('far team');

psql("INSERT INTO chat.team (site, id, name) VALUES (" . site_id()
     . ", '$Team', 'Billing'), ((SELECT id FROM chat.site WHERE name = '"
     . site() . "-2'), '$FarTeam', 'Far')");
psql("INSERT INTO chat.label (site, id, name) SELECT " . site_id()
     . ", gen_random_uuid(), n FROM unnest('{billing,vip}'::text[]) n");

sub patch {
    my ($n, $body) = @_;
    return "PATCH /support/v1/conversations/$Id{$n}\n$body";
}

sub later { return psql("SELECT chat.rfc3339(now() + interval '$_[0]')") }

sub log_of {
    my ($n) = @_;
    return "SELECT string_agg(type || ' ' || internal, ',' ORDER BY seq) "
           . "FROM chat.event WHERE conversation = '$Id{$n}' AND seq > 1";
}

sub list {
    my ($query) = @_;
    return "GET /support/v1/conversations?$query";
}

sub ids { return {conversations => [map { {id => $Id{$_}} } @_]} }

no_shuffle();
plan tests => 161;
run_tests();

__DATA__

=== TEST 1: team, priority and labels are one internal event
--- as: agent dana
--- request eval
[main::patch(1, qq({"team":"$::Team","priority":"high",
                    "labels":["vip","billing","vip"],"version":1})),
 "GET /support/v1/conversations/$::Id{1}/events?before=3&limit=1"]
--- json eval
[qq({"team": {"id": "$::Team", "name": "Billing"}, "priority": "high",
     "labels": ["billing", "vip"], "version": 2, "snoozed_until": null}),
 qq({"events": [{"type": "change", "visibility": "internal", "seq": 2,
     "team": {"id": "$::Team", "name": "Billing"}, "priority": "high",
     "labels": ["billing", "vip"], "snoozed_until": "!",
     "sender": {"kind": "agent", "id": "$::Dana"}}]})]
--- sql eval
main::log_of(1)
--- sql_is: change true



=== TEST 2: which a visitor does not see
--- as
agent dana
visitor v2
visitor v2
--- request eval
[main::patch(2, qq({"team":"$::Team","labels":["vip"]})),
 "GET /support/v1/conversations/$::Id{2}",
 "GET /support/v1/conversations/$::Id{2}/events"]
--- json eval
[undef, '{"team": "!", "labels": "!", "priority": "!", "snoozed_until": "!",
          "next": "~\\\\.1$"}',
 '{"events": [{"seq": 1}], "next": "~\\\\.1$"}']



=== TEST 3: and takes no part in
--- as: visitor v3
--- request eval
[main::patch(3, qq({"team":null})), main::patch(3, '{"labels":[]}'),
 main::patch(3, '{"priority":null}'),
 main::patch(3, '{"status":"resolved","snoozed_until":null}'),
 main::patch(3, '{"status":"snoozed"}')]
--- error_code eval
[(403) x 5]



=== TEST 4: what it is already makes no event
--- as: agent dana
--- request eval
main::patch(4, '{"team":null,"priority":null,"labels":[],
                 "snoozed_until":null,"status":"open"}')
--- json
{"version": 1}
--- sql eval
main::log_of(4)
--- sql_is:



=== TEST 5: values that are none
--- as: agent dana
--- request eval
[main::patch(5, qq({"team":"$::FarTeam"})),
 main::patch(5, '{"team":"billing"}'),
 main::patch(5, '{"priority":"normal"}'),
 main::patch(5, '{"labels":["unknown"]}'),
 main::patch(5, '{"labels":"vip"}'),
 main::patch(5, '{"labels":[1]}'),
 main::patch(5, '{"status":"snoozed"}'),
 main::patch(5, '{"snoozed_until":"tomorrow"}'),
 main::patch(5, '{"snoozed_until":"2026-13-45T00:00:00Z"}'),
 main::patch(5, '{"snoozed_until":"2001-01-01T00:00:00Z"}'),
 main::patch(5, '{"status":"open","snoozed_until":"'
                . main::later('1 day') . '"}')]
--- error_code eval
[(422) x 11]
--- json eval
['{"field": "team"}', '{"field": "team"}', '{"field": "priority"}',
 ('{"field": "labels"}') x 3, ('{"field": "snoozed_until"}') x 5]
--- sql eval
main::log_of(5)
--- sql_is:



=== TEST 6: snoozed, to another time, and woken by an agent
--- as: agent dana
--- request eval
[main::patch(6, '{"snoozed_until":"' . main::later('1 day') . '"}'),
 main::patch(6, '{"snoozed_until":"' . main::later('2 days') . '"}'),
 main::patch(6, '{"snoozed_until":null}')]
--- json eval
['{"status": "snoozed", "snoozed_until": "~Z$", "version": 3}',
 '{"status": "snoozed", "snoozed_until": "~Z$", "version": 4}',
 '{"status": "open", "snoozed_until": null, "version": 5}']
--- sql eval
main::log_of(6)
--- sql_is: status false,change true,change true,status false



=== TEST 7: a visitor's message wakes
--- as
agent dana
visitor v7
agent dana
--- request eval
[main::patch(7, '{"status":"snoozed","snoozed_until":"'
                . main::later('1 day') . '"}'),
 "POST /support/v1/conversations/$::Id{7}/messages
{\"client_msg_id\":\"w\",\"text\":\"well?\"}",
 "GET /support/v1/conversations/$::Id{7}"]
--- error_code eval
[200, 201, 200]
--- json eval
[undef, undef, '{"status": "open", "snoozed_until": null}']



=== TEST 8: a version that is behind
--- as: agent dana
--- request eval
[main::patch(8, '{"priority":"urgent","version":1}'),
 main::patch(8, '{"labels":["vip"],"version":1}')]
--- error_code eval
[200, 409]
--- json eval
['{"version": 2}',
 qq({"code": "conflict", "conversation": {"priority": "urgent",
     "labels": [], "version": 2}})]



=== TEST 9: a transfer to a team takes it from the agent, all or nothing
--- as: agent dana
--- request eval
[main::patch(9, qq({"assignee":"$::Dana"})),
 main::patch(9, qq({"team":"$::FarTeam","assignee":null})),
 main::patch(9, qq({"team":"$::Team","assignee":null}))]
--- error_code eval
[200, 422, 200]
--- json eval
[undef, undef, qq({"assignee": null, "team": {"id": "$::Team"},
                   "version": 4})]



=== TEST 10: lists by team, by label, and by both
--- as: agent dana
--- request eval
[main::list("team=$::Team"), main::list('label=vip'),
 main::list("team=$::Team&label=vip&status=open"),
 main::list("team=none&label=vip"), main::list('label=nothing'),
 main::list("team=$::FarTeam"), main::list('team=Billing')]
--- error_code eval
[(200) x 6, 422]
--- json eval
[main::ids(9, 2, 1), main::ids(2, 1), main::ids(2, 1), main::ids(),
 main::ids(), main::ids(), '{"field": "team"}']



=== TEST 11: ordered by priority
--- as: agent dana
--- request eval
[main::list('order=priority&limit=2'), main::list('order=size')]
--- error_code eval
[200, 422]
--- json eval
[{%{main::ids(8, 1)}, more => JSON::PP::true, page => '*'},
 '{"field": "order"}']



=== TEST 12: searching by a grammar
--- as: agent dana
--- init
ChatTest::Block::wait_ready();
ChatTest::message($::Id{10}, 'visitor v10', 'Where is my refund, please?');
ChatTest::psql("UPDATE chat.conversation SET assignee = '$::Dana',"
               . " labels = '{vip}' WHERE id = '$::Id{10}'");
--- request eval
[main::list('q=refund'), main::list('q=refund%20is:open%20label:vip'),
 main::list('q=%22my%20refund%22'), main::list('q=%22refund%20my%22'),
 main::list('q=please%20refund'), main::list('q=refund%20lost'),
 main::list('q=assignee:me'), main::list('q=refund%20is:unassigned'),
 main::list('q=team:billing%20label:vip'), main::list('q=team:none%20refund'),
 main::list('q=refund%20before:2026-01-01'),
 main::list('q=refund%20after:2026-01-01'),
 main::list('q=priority:urgent'), main::list('q=refund%20is:resolved')]
--- json eval
[main::ids(10), main::ids(10), main::ids(10), main::ids(), main::ids(10),
 main::ids(), main::ids(10), main::ids(), main::ids(2, 1), main::ids(10),
 main::ids(), main::ids(10), main::ids(8), main::ids()]



=== TEST 13: a search that is none
--- as: agent dana
--- request eval
[main::list('q=is:lost'), main::list('q=before:yesterday'),
 main::list('q=team:nowhere'), main::list("q=priority:1')--"),
 main::list("q=x'%20OR%20''='"), main::list('q=%5C%25_%22')]
--- error_code eval
[(422) x 4, 200, 200]
--- json eval
[('{"field": "q"}') x 4, (main::ids()) x 2]



=== TEST 14: Arabic and Hebrew, as they are written and as they are typed
--- as: agent dana
--- init
ChatTest::Block::wait_ready();
ChatTest::message($::Id{11}, 'visitor v11', "أَيْنَ طَلَبِيَّتِي؟ إلى متى");
ChatTest::message($::Id{12}, 'visitor v12', "שָׁלוֹם, אֵיפֹה הַהַזְמָנָה שֶׁלִּי");
--- request eval
use utf8;
my $q = sub { my $t = shift; utf8::encode($t);
              $t =~ s/([^A-Za-z0-9])/sprintf '%%%02x', ord $1/ge;
              main::list("q=$t") };
[$q->('اين'), $q->('طلبيتي'), $q->('الي'), $q->('إِلَى'), $q->('שלום'),
 $q->('שלוֹמ'), $q->('ההזמנה שלי'), $q->('קפה')]
--- json eval
[(main::ids(11)) x 4, (main::ids(12)) x 3, main::ids()]



=== TEST 15: labels
--- as
agent sam
agent sam
agent dana
agent dana
agent sam
agent sam
agent far
--- request eval
['POST /support/v1/labels
{"name":"Urgent-Care","color":"#ff0000"}', 'POST /support/v1/labels
{"name":"urgent-care"}', 'GET /support/v1/labels',
 'POST /support/v1/labels
{"name":"mine"}', 'POST /support/v1/labels
{"name":"two words"}', 'POST /support/v1/labels
{"name":"x","color":"red"}', 'GET /support/v1/labels']
--- error_code eval
[201, 422, 200, 403, 422, 422, 401]
--- json eval
['{"name": "urgent-care", "color": "#ff0000"}', '{"field": "name"}',
 '{"labels": [{"name": "billing"}, {"name": "urgent-care"},
              {"name": "vip"}]}', undef, '{"field": "name"}',
 '{"field": "color"}', undef]



=== TEST 16: canned replies
--- as
agent sam
agent sam
agent sam
agent dana
agent dana
agent sam
agent sam
--- request eval
['POST /support/v1/canned
{"shortcut":"hi","text":"Hello {{visitor.name}},\r\n","title":"Greeting"}'
 =~ s/\r\n"/\\r\\n"/r,
 'POST /support/v1/canned
{"shortcut":"HI","text":"again"}', 'POST /support/v1/canned
{"shortcut":"hi","text":"שלום","locale":"he"}', 'GET /support/v1/canned',
 'POST /support/v1/canned
{"shortcut":"no","text":"no"}', 'POST /support/v1/canned
{"shortcut":"a b","text":"no"}', 'POST /support/v1/canned
{"shortcut":"ab","text":" "}']
--- error_code eval
[201, 422, 201, 200, 403, 422, 422]
--- json eval
[qq({"shortcut": "hi", "title": "Greeting",
     "text": "Hello {{visitor.name}},\\n", "locale": null}),
 '{"field": "shortcut"}', '{"locale": "he", "title": "hi"}',
 '{"canned": [{"locale": null}, {"locale": "he"}]}', undef,
 '{"field": "shortcut"}', '{"field": "text"}']



=== TEST 17: those who wait longest
--- as: agent dana
--- init
ChatTest::Block::wait_ready();
ChatTest::psql("UPDATE chat.conversation SET waiting_since = now()"
               . " - interval '1 hour' WHERE id = '$::Id{13}'");
ChatTest::psql("UPDATE chat.conversation SET waiting_since = now()"
               . " - interval '2 hours' WHERE id = '$::Id{14}'");
--- request eval
[main::list('order=waiting&limit=2')]
--- json eval
[{%{main::ids(14, 13)}, more => JSON::PP::true}]
