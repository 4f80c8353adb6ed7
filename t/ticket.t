# Tickets: each is a credential for one handshake.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;

our ($Alice, $Dana) = (visitor('alice'), agent('dana', name => 'Dana'));

# A ticket in the store: kind, member, seconds until it expires, its secret
# and what chat.ticket_take_1() makes of it, twice.

sub take {
    my ($who, $expires, $before) = @_;

    my ($kind, $label) = split ' ', $who;
    my @actor = ChatTest::actor($who);
    my $hash = "sha256('" . uuid("ticket $who $expires " . ($before // ''))
               . "')";

    return "SELECT outcome FROM chat.ticket_put_1(@{[join ', ', @actor]},
                                                  $hash);
            UPDATE chat.ticket SET expires_at = now() + interval '$expires'
             WHERE hash = $hash;
            " . ($before // '') . ";
            SELECT kind, id FROM chat.ticket_take_1($actor[0], $hash);
            SELECT kind, id FROM chat.ticket_take_1($actor[0], $hash)";
}

plan tests => 24;
run_tests();

__DATA__

=== TEST 1: of a visitor
--- as: visitor alice
--- request
POST /support/v1/ticket
--- response_headers
Content-Type: application/json
Cache-Control: no-store
--- json
{"ticket": "~^[\\w-]{22}$", "expires_at": "~^20.*Z$"}
--- sql eval
"SELECT kind, actor, octet_length(hash), expires_at - now() < '31 s'
   FROM chat.ticket WHERE actor = '$::Alice' AND expires_at > now()"
--- sql_is eval
"visitor|$::Alice|32|t"



=== TEST 2: of an agent
--- as: agent dana
--- request
POST /support/v1/ticket
--- json
{"ticket": "~^[\\w-]{22}$"}
--- sql eval
"SELECT kind, session IS NOT NULL FROM chat.ticket WHERE actor = '$::Dana'"
--- sql_is: agent|t



=== TEST 3: of nobody
--- request
POST /support/v1/ticket
--- error_code: 401



=== TEST 4: a cookie is not enough from another site
--- more_headers eval
'Cookie: chat-visitor-' . ChatTest::site() . '='
. ChatTest::visitor_token('alice') . "\nSec-Fetch-Site: cross-site"
--- request
POST /support/v1/ticket
--- error_code: 403
--- json
{"code": "forbidden"}



=== TEST 5: no fields are known
--- as: visitor alice
--- request
POST /support/v1/ticket
{"for": "ever"}
--- error_code: 422
--- json
{"field": "for"}



=== TEST 6: another method
--- as: visitor alice
--- request
GET /support/v1/ticket
--- error_code: 405
--- response_headers
Allow: POST



=== TEST 7: a visitor who has been blocked gets none
--- as: visitor blocked
--- request eval
ChatTest::visitor('blocked');
ChatTest::psql("UPDATE chat.visitor SET blocked_at = now()
                 WHERE id = '" . ChatTest::visitor('blocked') . "'");
'POST /support/v1/ticket'
--- error_code: 401



=== TEST 8: it is taken once
--- request
GET /support/v1/live
--- sql eval
main::take('visitor alice', '10 s')
--- sql_is eval
"ok\nvisitor|$::Alice"



=== TEST 9: one that has expired is none
--- request
GET /support/v1/live
--- sql eval
main::take('visitor alice', '-1 ms')
--- sql_is: ok



=== TEST 10: nor is one of a session that has ended
--- request
GET /support/v1/live
--- sql eval
main::take('agent erin', '10 s', "UPDATE chat.agent_session
    SET revoked_at = now() WHERE agent = '" . ChatTest::agent('erin') . "'")
--- sql_is: ok



=== TEST 11: a new one takes the expired away
--- as: visitor carol
--- request eval
ChatTest::psql("INSERT INTO chat.ticket
    SELECT sha256(n::text::bytea), " . ChatTest::site_id() . ", 'visitor',
           '$::Alice', 0, NULL, now() - interval '1 hour'
      FROM generate_series(1, 10) n");
'POST /support/v1/ticket'
--- sql
SELECT count(*) FROM chat.ticket WHERE expires_at < now() - interval '1 hour'
--- sql_is: 0
