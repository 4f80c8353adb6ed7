# What a site says of itself, and what a visitor says of himself: settings,
# questions before a chat, consent, one conversation, the end of a session.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;

our $Site = site();
our $Settings = '{"title": {"en": "Shop", "ar": "متجر"},
    "theme": {"accent": "#0a7d55"},
    "prechat": {"fields": [{"name": "name", "required": true},
        {"name": "order", "label": "Order number"}]},
    "away": {"text": "Back at nine", "email": true},
    "consent": {"version": "2026-11", "text": "We keep this.",
                "url": "https://shop.test/privacy"}}';

sub settings {
    my ($settings) = @_;

    $settings =~ s/'/''/g;

    return psql("SELECT outcome FROM chat.site_settings_put_1('$Site', "
                . "'$settings')");
}

our $Verified = visitor('vera');
psql("UPDATE chat.visitor SET verified = true, name = 'Vera',
             email = 'vera\@shop.test' WHERE id = '$Verified'");
our $Many = join ', ', map { "\"k$_\": 1" } 1 .. 33;

no_shuffle();
plan tests => 68;
settings($Settings) eq 'ok' or die "the settings are refused\n";
run_tests();

__DATA__

=== TEST 1: the settings come with the session
--- request
POST /support/v1/session
{"mode":"bearer"}
--- json eval
qq({"visitor": {"name": null, "email": null, "verified": false,
                "consent": null},
    "availability": "away", "site": {"name": "$::Site",
    "title": {"en": "Shop"}, "theme": {"accent": "#0a7d55"},
    "prechat": {"fields": [{"name": "name", "required": true},
                           {"name": "order", "label": "Order number"}]},
    "away": {"text": "Back at nine", "email": true},
    "consent": {"version": "2026-11", "url": "https://shop.test/privacy"}}})



=== TEST 2: somebody is there
--- init
ChatTest::psql("SELECT chat.agents_seen_1('" . ChatTest::site_id() . ' '
               . ChatTest::agent('dana') . "')");
ChatTest::Block::wait_ready();
--- request
POST /support/v1/session
{"mode":"bearer"}
--- json
{"availability": "online"}



=== TEST 3: and is not any more
--- init
ChatTest::psql("UPDATE chat.agent_seen SET seen_at = seen_at - interval "
               . "'31 s' WHERE agent = '" . ChatTest::agent('dana') . "'");
ChatTest::Block::wait_ready();
--- request
POST /support/v1/session
{"mode":"bearer"}
--- json
{"availability": "away"}



=== TEST 4: answers to the questions before a chat
--- as: visitor ann
--- request
PATCH /support/v1/session
{"name":"Ann","email":"ann@shop.test","consent":"2026-11","locale":"en",
 "attributes":{"order":"A-17","vip":true,"visits":3}}
--- json eval
my $ann = ChatTest::visitor('ann');
qq({"visitor": {"id": "$ann", "name": "Ann", "email": "ann\@shop.test",
                "verified": false, "consent": "2026-11"}})
--- sql eval
"SELECT v.name, v.verified, v.attributes, c.version, c.locale,
        c.created_at > now() - interval '1 minute'
   FROM chat.visitor v JOIN chat.consent c ON c.visitor = v.id
  WHERE v.id = '" . ChatTest::visitor('ann') . "'"
--- sql_is
Ann|f|{"vip": true, "order": "A-17", "visits": 3}|2026-11|en|t



=== TEST 5: what is not named stays, null takes an attribute away
--- as: visitor ann
--- request
PATCH /support/v1/session
{"attributes":{"vip":null,"size":"XL"}}
--- json
{"visitor": {"name": "Ann", "email": "ann@shop.test", "consent": "2026-11"}}
--- sql eval
"SELECT attributes FROM chat.visitor WHERE id = '"
. ChatTest::visitor('ann') . "'"
--- sql_is
{"size": "XL", "order": "A-17", "visits": 3}



=== TEST 6: consent is recorded once
--- as: visitor ann
--- request
PATCH /support/v1/session
{"consent":"2026-11"}
--- sql eval
"SELECT count(*) FROM chat.consent WHERE visitor = '"
. ChatTest::visitor('ann') . "'"
--- sql_is: 1



=== TEST 7: an agent sees what is known
--- as: agent dana
--- request eval
'GET /support/v1/conversations/' . ChatTest::conversation('ann', 'hello')
--- json
{"visitor": {"name": "Ann", "verified": false, "email": "ann@shop.test",
             "attributes": {"order": "A-17"}, "external_id": null,
             "consent": {"version": "2026-11", "locale": "en",
                         "at": "~^20.*Z$"}}}



=== TEST 8: a visitor sees less of himself
--- as: visitor ann
--- request eval
'GET /support/v1/conversations/' . ChatTest::conversation('ann', 'hello')
--- json
{"visitor": {"name": "Ann", "attributes": "!", "external_id": "!",
             "page": "!"}}



=== TEST 9: whom the site has identified keeps his name
--- as: visitor vera
--- request
PATCH /support/v1/session
{"name":"Somebody Else"}
--- error_code: 403
--- json
{"code": "forbidden"}
--- sql eval
"SELECT name FROM chat.visitor WHERE id = '$::Verified'"
--- sql_is: Vera



=== TEST 10: and may say something else
--- as: visitor vera
--- request
PATCH /support/v1/session
{"attributes":{"size":"M"}}
--- json
{"visitor": {"name": "Vera", "verified": true}}



=== TEST 11: but for what the site has signed
--- init
ChatTest::psql("UPDATE chat.visitor SET claimed = '{plan}' "
               . "WHERE id = '$::Verified'");
ChatTest::Block::wait_ready();
--- as: visitor vera
--- request
PATCH /support/v1/session
{"attributes":{"size":"S","plan":"gold"}}
--- error_code: 403
--- sql eval
"SELECT attributes FROM chat.visitor WHERE id = '$::Verified'"
--- sql_is: {"size": "M"}



=== TEST 12: a version that is not the site's
--- as: visitor bob
--- request
PATCH /support/v1/session
{"name":"Bob","consent":"2020-01"}
--- error_code: 422
--- json
{"code": "invalid_field", "field": "consent"}
--- sql eval
"SELECT name IS NULL FROM chat.visitor WHERE id = '"
. ChatTest::visitor('bob') . "'"
--- sql_is: t



=== TEST 13: what cannot be
--- as: visitor bob
--- request eval
[map { "PATCH /support/v1/session\n$_" }
 '{"name":"a\u0007b"}', '{"name":"   "}', '{"email":"nobody"}',
 '{"email":"a@b, c@d"}', '{"attributes":{"a":{"b":1}}}',
 '{"attributes":{"no space":1}}', "{\"attributes\":{$::Many}}",
 '{"attributes":[1]}', '{"verified":true}',
 '{"attributes":{"a":"' . 'x' x 501 . '"}}']
--- error_code eval
[(422) x 10]
--- json eval
[map { qq({"code": "invalid_field", "field": "$_"}) }
 qw(name name email email attributes attributes attributes attributes verified
    attributes)]



=== TEST 14: without a credential
--- request
PATCH /support/v1/session
{"name":"Bob"}
--- error_code: 401



=== TEST 15: by an agent
--- as: agent dana
--- request
PATCH /support/v1/session
{"name":"Bob"}
--- error_code: 403



=== TEST 16: a session ends, and so does what it stood for
--- as eval
"visitor eve\nvisitor eve\nvisitor eve"
--- request eval
['DELETE /support/v1/session', 'GET /support/v1/conversations',
 'DELETE /support/v1/session']
--- error_code eval
[204, 401, 401]



=== TEST 17: the cookie goes too
--- more_headers eval
"Sec-Fetch-Site: same-origin\nCookie: chat-visitor-$::Site="
. ChatTest::visitor_token('eva')
--- request
DELETE /support/v1/session
--- error_code: 204
--- response_headers_like eval
"Set-Cookie: chat-visitor-$::Site=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"



=== TEST 18: not for another page
--- more_headers eval
"Sec-Fetch-Site: cross-site\nCookie: chat-visitor-$::Site="
. ChatTest::visitor_token('ewa')
--- request
DELETE /support/v1/session
--- error_code: 403



=== TEST 19: one conversation at a time
--- init
main::settings('{"one_conversation": true}');
ChatTest::Block::wait_ready();
--- as eval
"visitor one\nvisitor one\nvisitor one"
--- request eval
[map { "POST /support/v1/conversations\n$_" }
 '{"client_msg_id":"a","text":"first"}',
 '{"client_msg_id":"b","text":"second"}',
 '{"client_msg_id":"a","text":"first"}']
--- error_code eval
[201, 409, 200]
--- json eval
['{"seq": 1, "duplicate": false}',
 '{"code": "conflict", "conversation": {"id": "*", "status": "open",
   "last": {"text": "first"}}}',
 '{"seq": 1, "duplicate": true}']
--- sql eval
"SELECT count(*) FROM chat.conversation WHERE visitor = '"
. ChatTest::visitor('one') . "'"
--- sql_is: 1



=== TEST 20: after it is resolved there may be another
--- as: visitor one
--- init
ChatTest::psql("UPDATE chat.conversation SET status = 'resolved'"
               . " WHERE visitor = '" . ChatTest::visitor('one') . "'");
ChatTest::Block::wait_ready();
--- request
POST /support/v1/conversations
{"client_msg_id":"c","text":"third"}
--- error_code: 201



=== TEST 21: settings that cannot be
--- request
GET /support/v1/live
--- sql eval
sub refused { "SELECT chat.settings_error('$_[0]')" }
CORE::join '; ', map { refused($_) } '{"color": 1}', '{"title": ""}',
    '{"title": {"english": "x"}}', '{"locale": "EN"}',
    '{"theme": {"accent": "red"}}', '{"theme": {"accent": "#123456",
      "css": "x"}}', '{"prechat": {"fields": []}}',
    '{"prechat": {"fields": [{"name": "order"}]}}',
    '{"prechat": {"fields": [{"name": "Order", "label": "x"}]}}',
    '{"prechat": {"fields": [{"name": "name"}, {"name": "name"}]}}',
    '{"prechat": {"fields": [{"name": "a", "label": "x",
      "type": "html"}]}}', '{"away": "x"}',
    '{"consent": {"version": "1"}}', '{"consent": {"text": "x"}}',
    '{"consent": {"version": "1", "text": "x", "url": "javascript:1"}}',
    '{"one_conversation": "yes"}', '[]', '{"title": "a\u0007b"}',
    '{"origins": ["shop.test"]}', '{"track_days": 0}', '{"track_days": 366}',
    '{"track_days": "7"}'
--- sql_is
color
title
title
locale
theme.accent
theme.css
prechat.fields
prechat.fields.label
prechat.fields.name
prechat.fields.name
prechat.fields.type
away
consent.text
consent.version
consent.url
one_conversation
settings
title
origins
track_days
track_days
track_days



=== TEST 22: nor by hand
--- request
GET /support/v1/live
--- sql eval
"DO \$\$ BEGIN UPDATE chat.site SET settings = '{\"title\": 1}'
    WHERE name = '$::Site'; EXCEPTION WHEN check_violation THEN
    NULL; END \$\$;
 SELECT settings ? 'title' FROM chat.site WHERE name = '$::Site'"
--- sql_is: f
