# Cards: what a message asks, who may send one, and what is answered.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;

our ($Talk, $Other) = (conversation('ann', 'hello'),
                       conversation('eve', 'hello'));
our $N = 0;

our %Card = (
    poll => '{"type":"choices","options":[{"id":"a","text":"Tea"},'
            . '{"id":"b","text":"Coffee"}]}',
    many => '{"type":"choices","multiple":true,"options":['
            . '{"id":"a","text":"Tea"},{"id":"b","text":"Coffee"}]}',
    rating => '{"type":"rating","once":true}',
    form => '{"type":"form","fields":[{"name":"order","label":"Order",'
            . '"required":true},{"name":"mail","label":"E-mail",'
            . '"type":"email"}]}',
    links => '{"type":"links","links":[{"title":"Help",'
             . '"url":"https://shop.test/help?a=b"}]}',
);

# A card that is there already; its seq.

sub card {
    my ($card, %opt) = @_;
    my $to = $opt{to} // $Talk;

    psql("UPDATE chat.event SET data = '{\"card\": $Card{$card}}'
          WHERE conversation = '$to' AND seq = "
         . (my $seq = message($to, 'agent dana', "card $card")));

    return $seq;
}

sub send_card {
    my ($card) = @_;

    $N++;

    return "POST /support/v1/conversations/$Talk/messages\n"
        . qq({"client_msg_id":"c$N","text":"?","card":$card});
}

sub answer {
    my ($seq, $response, %opt) = @_;

    $N++;

    return "POST /support/v1/conversations/" . ($opt{to} // $Talk)
        . '/responses' . "\n{\"client_msg_id\":\"" . ($opt{key} // "r$N")
        . "\",\"seq\":$seq,\"response\":$response}";
}

our ($Poll, $Many, $Rating, $Form, $Links)
    = map { card($_) } qw(poll many rating form links);
our $Foreign = card('poll', to => $Other);

no_shuffle();
plan tests => 109;
run_tests();

__DATA__

=== TEST 1: agents send cards of every kind
--- as: agent dana
--- request eval
[map { main::send_card($::Card{$_}) } qw(poll many rating form links)]
--- error_code eval
[(201) x 5]
--- sql eval
"SELECT data -> 'card' ->> 'type' FROM chat.event WHERE conversation =
 '$::Talk' AND data ? 'card' AND seq > $::Links ORDER BY seq"
--- sql_is
choices
choices
rating
form
links



=== TEST 2: the visitor sees them
--- as: visitor ann
--- request eval
"GET /support/v1/conversations/$::Talk/events?since="
. ChatTest::epoch() . '.' . ($::Poll - 1) . '&limit=1'
--- json
{"events": [{"type": "message", "card": {"type": "choices", "options": [
    {"id": "a", "text": "Tea"}, {"id": "b", "text": "Coffee"}]}}]}



=== TEST 3: visitors send none
--- as: visitor ann
--- request eval
main::send_card($::Card{poll})
--- error_code: 403
--- json
{"code": "forbidden", "field": "card"}



=== TEST 4: what is no card
--- as: agent dana
--- request eval
my $option = '{"id":"a","text":"A"}';
sub choices { '{"type":"choices","options":[' . CORE::join(',', @_) . ']}' }
sub link_to { '{"type":"links","links":[{"title":"T","url":"' . $_[0]
              . '"}]}' }
[map { main::send_card($_) }
 '[]', '"choices"', '{}', '{"type":"video"}', '{"type":"rating","stars":9}',
 choices($option), choices($option, $option),
 choices(map { qq({"id":"o$_","text":"O"}) } 1 .. 11),
 choices($option, '{"id":"b","text":"  "}'),
 choices($option, '{"id":"b c","text":"B"}'),
 choices($option, '{"id":"b","text":"B","html":"<b>"}'),
 choices($option, '7'),
 choices($option, '{"id":"b","text":"' . 'x' x 401 . '"}'),
 link_to('javascript:alert(1)'), link_to('//shop.test/'),
 link_to('https://'), link_to('https://shop.test@evil.test/'),
 link_to('https://shop.test/\\u0000'), link_to('https://shop.test/a b'),
 link_to('data:text/html,x'), link_to('https://s.test/' . 'x' x 2048)]
--- error_code eval
[(422) x 17, 400, (422) x 3]
--- json eval
[(('{"code": "invalid_field", "field": "card"}') x 17),
 '{"code": "bad_json"}',
 (('{"code": "invalid_field", "field": "card"}') x 3)]



=== TEST 5: a choice
--- as: visitor ann
--- request eval
main::answer($::Poll, '{"options":["b"]}', key => 'first')
--- error_code: 201
--- json
{"seq": 12, "duplicate": false, "client_msg_id": "first", "id": "*"}
--- sql eval
"SELECT type, text, data, internal, sender_kind FROM chat.event
  WHERE conversation = '$::Talk' AND client_msg_id = 'first'"
--- sql_is
response|Coffee|{"to": 2, "response": {"options": ["b"]}}|f|visitor



=== TEST 6: a repeat is the same response
--- as: visitor ann
--- request eval
main::answer($::Poll, '{"options":["a"]}', key => 'first')
--- json
{"seq": 12, "duplicate": true}



=== TEST 7: an answer may be changed
--- as: visitor ann
--- request eval
main::answer($::Poll, '{"options":["a"]}')
--- error_code: 201
--- json
{"seq": 13, "duplicate": false}



=== TEST 8: both sides read it
--- as eval
"visitor ann\nagent dana"
--- request eval
[("GET /support/v1/conversations/$::Talk/events") x 2]
--- json eval
[('{"events": [' . ('{}, ' x 11)
  . '{"type": "response", "to": 2, "text": "Coffee",
      "response": {"options": ["b"]}, "sender": {"kind": "visitor"}},
     {"type": "response", "to": 2, "text": "Tea"}]}') x 2]



=== TEST 9: a rating once
--- as: visitor ann
--- request eval
[main::answer($::Rating, '{"rating":4,"comment":"quick"}'),
 main::answer($::Rating, '{"rating":1}')]
--- error_code eval
[201, 409]
--- json eval
['{"seq": 14}', '{"code": "conflict"}']
--- sql eval
"SELECT text FROM chat.event WHERE conversation = '$::Talk' AND seq = 14"
--- sql_is: 4/5: quick



=== TEST 10: several choices, a form
--- as: visitor ann
--- request eval
[main::answer($::Many, '{"options":["a","b"]}'),
 main::answer($::Form, '{"fields":{"order":"A-17","mail":"a@b.test"}}')]
--- error_code eval
[201, 201]
--- sql eval
"SELECT replace(text, E'\\n', '/') FROM chat.event
  WHERE conversation = '$::Talk' AND seq > 14 ORDER BY seq"
--- sql_is
Tea, Coffee
Order: A-17/E-mail: a@b.test



=== TEST 11: what is no answer
--- as: visitor ann
--- request eval
[main::answer($::Poll, '{}'), main::answer($::Poll, '{"options":[]}'),
 main::answer($::Poll, '{"options":["a","b"]}'),
 main::answer($::Poll, '{"options":["z"]}'),
 main::answer($::Many, '{"options":["a","a"]}'),
 main::answer($::Poll, '{"options":["a"],"x":1}'),
 main::answer($::Form, '{"fields":{}}'),
 main::answer($::Form, '{"fields":{"order":"1","mail":"nobody"}}'),
 main::answer($::Form, '{"fields":{"order":"1","other":"2"}}'),
 main::answer($::Form, '{"fields":{"order":7}}'),
 main::answer($::Rating, '{"rating":6}'),
 main::answer($::Rating, '{"rating":"5"}'),
 main::answer($::Links, '{}'), main::answer(1, '{"rating":5}'),
 main::answer(9999, '{"rating":5}'), main::answer($::Poll, '"a"')]
--- error_code eval
[(422) x 16]
--- json eval
[map { qq({"code": "invalid_field", "field": "$_"}) }
 ('options') x 6, 'fields.order', 'fields.mail', 'fields', 'fields.order',
 'rating', 'rating', 'seq', 'seq', 'seq', 'response']



=== TEST 12: not for others
--- as eval
"visitor eve\nvisitor ann\nagent dana\nnobody"
--- request eval
[main::answer($::Poll, '{"options":["a"]}'),
 main::answer($::Foreign, '{"options":["a"]}', to => $::Other),
 main::answer($::Poll, '{"options":["a"]}'),
 main::answer($::Poll, '{"options":["a"]}')]
--- error_code eval
[404, 404, 403, 401]



=== TEST 13: an answer is not unread and opens nothing again
--- as: agent dana
--- request eval
"GET /support/v1/conversations/$::Talk"
--- json
{"unread": 1, "status": "open", "last": {"seq": 11}}
