# Who a visitor is: tokens that the site signs, a variable of nginx; what an
# anonymous visitor has said becomes the identified one's; track.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;
use Digest::SHA qw(hmac_sha256);

our $Site = site();
our $Secret = 'a secret of the site, 32 bytes or more';
our $Pem = build_dir() . "/identity-$$";

system("openssl ecparam -name prime256v1 -genkey -noout -out $Pem.key"
       . " && openssl ec -in $Pem.key -pubout -out $Pem.pub 2>/dev/null"
       . " && openssl ecparam -name prime256v1 -genkey -noout"
       . " -out $Pem.other") == 0
    or die "openssl failed\n";

our $Public = do { local (@ARGV, $/) = "$Pem.pub"; <> };

psql("SELECT chat.identity_key_put_1('$Site', 'hs', 'HS256', '$Secret');
      SELECT chat.identity_key_put_1('$Site', 'es', 'ES256', '$Public')");

sub hs256 { hmac_sha256($_[0], $_[1] // $Secret) }

# r and s out of the DER form

sub es256 {
    my ($text, $key) = @_;
    my $file = "$Pem.text";

    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out;

    my $der = `openssl dgst -sha256 -sign $Pem.@{[$key // 'key']} $file`;
    my ($r, $s) = unpack 'x3 C/a x C/a', $der;

    return join '', map { substr "\0" x 32 . $_, -32 } $r, $s;
}

# Options: header and claims that differ (undef: absent), sign.

sub jwt {
    my (%opt) = @_;
    my %header = (alg => 'HS256', kid => 'hs', typ => 'JWT',
                  %{$opt{header} // {}});
    my %claims = (sub => 'u-1', aud => $Site, exp => int(time) + 600,
                  %{$opt{claims} // {}});

    for my $part (\%header, \%claims) {
        delete $part->{$_} for grep { !defined $part->{$_} } keys %$part;
    }

    my $text = join '.', map { ChatTest::base64url(ChatTest::json_encode($_)) }
        \%header, \%claims;
    my $sign = $opt{sign} // ($header{alg} eq 'ES256' ? \&es256 : \&hs256);

    return "$text." . ChatTest::base64url($sign->($text));
}

sub session {
    my ($token, $more) = @_;

    return "POST /support/v1/session\n"
        . ChatTest::json_encode({mode => 'bearer', identity => $token,
                       %{$more // {}}});
}

sub es { jwt(header => {alg => 'ES256', kid => 'es'}, @_) }

our $Talk = conversation('ann', 'before', 'it was me');
our $Count = "SELECT count(*) FROM chat.visitor WHERE site = "
    . site_id() . " AND external_id";

no_shuffle();
plan tests => 127;
run_tests();

__DATA__

=== TEST 1: HS256
--- request eval
main::session(main::jwt(claims => {name => 'Ann', email => 'ann@shop.test',
                                   attributes => {plan => 'gold'}}))
--- json
{"visitor": {"name": "Ann", "email": "ann@shop.test", "verified": true},
 "conversations": [], "token": "*"}
--- sql eval
"SELECT verified, name, attributes FROM chat.visitor
  WHERE external_id = 'u-1' AND site = " . ChatTest::site_id()
--- sql_is
t|Ann|{"plan": "gold"}



=== TEST 2: ES256, the same person
--- request eval
main::session(main::es())
--- json
{"visitor": {"name": "Ann", "verified": true}}
--- sql eval
"$::Count = 'u-1'"
--- sql_is: 1



=== TEST 3: one key needs no name, one of several audiences
--- request eval
main::session(main::jwt(claims => {sub => 'u-2',
                                   aud => ['other', $::Site]}))
--- json
{"visitor": {"name": null, "verified": true}}



=== TEST 4: what is refused
--- request eval
[map { main::session($_) }
 main::jwt(header => {alg => 'none'}, sign => sub { '' }),
 main::jwt(header => {alg => 'none', kid => undef}, sign => sub { '' }),
 main::jwt(header => {alg => 'None', kid => 'es'}, sign => sub { '' }),
 main::jwt(header => {kid => 'es'},
           sign => sub { main::hs256($_[0], $::Public) }),
 main::jwt(header => {kid => undef},
           sign => sub { main::hs256($_[0], $::Public) }),
 main::es(header => {alg => 'ES256', kid => 'hs'}),
 main::es(sign => sub { main::es256($_[0], 'other') }),
 main::jwt(sign => sub { main::hs256($_[0], 'another secret of 32 bytes!!') }),
 main::jwt(header => {kid => 'nobody'}),
 main::jwt(header => {kid => 7}),
 main::jwt(header => {crit => ['exp']}),
 main::jwt(header => {alg => 'HS512'}),
 main::jwt(claims => {aud => 'other'}), main::jwt(claims => {aud => undef}),
 main::jwt(claims => {aud => {}}),
 main::jwt(claims => {exp => int(time) - 120}),
 main::jwt(claims => {exp => undef}),
 main::jwt(claims => {exp => 'never'}),
 main::jwt(claims => {exp => int(time) + 30 * 86400}),
 main::jwt(claims => {nbf => int(time) + 3600}),
 main::jwt(claims => {sub => undef}), main::jwt(claims => {sub => ''}),
 main::jwt(claims => {sub => 7}), main::jwt(claims => {attributes => 'x'}),
 'x', 'a.b.c', '..', 'a.b.c.d', main::jwt() . 'A',
 substr(main::jwt(), 0, -1), main::jwt() =~ s/\.[^.]*\z/./r,
 main::jwt(sign => sub { '' })]
--- error_code eval
[(401) x 32]
--- json eval
[('{"code": "unauthenticated", "field": "identity"}') x 32]



=== TEST 5: too long
--- request eval
main::session('x' x 5000)
--- error_code: 422
--- json
{"code": "invalid_field", "field": "identity"}



=== TEST 6: claims that no visitor can have
--- request eval
[map { main::session(main::jwt(claims => $_)) }
 {email => 'nobody'}, {name => "a\nb\x01"}, {sub => 'x' x 256},
 {attributes => {a => {b => 1}}}]
--- error_code eval
[(422) x 4]
--- json eval
[map { qq({"code": "invalid_field", "field": "identity.$_"}) }
 qw(email name sub attributes)]



=== TEST 7: what was said before becomes his
--- as: visitor ann
--- request eval
main::session(main::jwt(claims => {sub => 'u-ann', name => 'Ann'}))
--- json eval
qq({"visitor": {"name": "Ann", "verified": true},
    "conversations": [{"id": "$::Talk", "last": {"text": "it was me"},
                       "visitor": {"verified": true}}]})
--- sql eval
"SELECT (SELECT count(*) FROM chat.event e JOIN chat.visitor v
            ON v.id = e.sender_id WHERE e.conversation = '$::Talk'
           AND v.external_id = 'u-ann'),
        (SELECT data -> 'visitor' ->> 'name' FROM chat.event
          WHERE conversation = '$::Talk' AND type = 'change' AND internal)"
--- sql_is
2|Ann



=== TEST 8: and the token of before is no good
--- as eval
"visitor ann\nvisitor ann"
--- request eval
["GET /support/v1/conversations/$::Talk/events",
 "POST /support/v1/conversations\n"
 . '{"client_msg_id":"late","text":"am I still here?"}']
--- error_code eval
[401, 401]



=== TEST 9: another browser sees it too, once it is proven
--- request eval
main::session(main::es(claims => {sub => 'u-ann'}))
--- json eval
qq({"conversations": [{"id": "$::Talk"}]})



=== TEST 10: without proof nothing is joined
--- as: visitor eve
--- request
POST /support/v1/session
{"mode":"bearer"}
--- json eval
'{"visitor": {"id": "' . ChatTest::visitor('eve') . '", "verified": false}}'



=== TEST 11: of two who are identified each keeps his own
--- init
ChatTest::psql("UPDATE chat.visitor SET external_id = 'u-eve', verified = true
                 WHERE id = '" . ChatTest::visitor('eve') . "'");
ChatTest::conversation('eve', 'mine');
ChatTest::Block::wait_ready();
--- as: visitor eve
--- request eval
main::session(main::jwt(claims => {sub => 'u-2'}))
--- json
{"conversations": []}
--- sql eval
"SELECT count(*) FROM chat.conversation WHERE visitor = '"
. ChatTest::visitor('eve') . "'"
--- sql_is: 1



=== TEST 12: one who is blocked stays so
--- init
ChatTest::psql("UPDATE chat.visitor SET blocked_at = now()
                 WHERE external_id = 'u-2'");
ChatTest::Block::wait_ready();
--- request eval
main::session(main::jwt(claims => {sub => 'u-2'}))
--- error_code: 403



=== TEST 13: a first message of either that has the same id
--- init
my ($a, $b) = map { ChatTest::visitor($_) } 'mia', 'mia0';
ChatTest::psql("UPDATE chat.visitor SET external_id = 'u-mia',
                 verified = true WHERE id = '$a'");
ChatTest::conversation($_, 'hello') for 'mia', 'mia0';
ChatTest::psql("UPDATE chat.conversation SET client_msg_id = 'same'
                 WHERE visitor IN ('$a', '$b')");
ChatTest::Block::wait_ready();
--- as: visitor mia0
--- request eval
main::session(main::jwt(claims => {sub => 'u-mia'}))
--- json
{"conversations": [{"last": {"text": "hello"}}, {"last": {"text": "hello"}}]}



=== TEST 14: a variable says who it is
--- chat: chat_visitor_identity $http_x_user name=$http_x_name email=$http_x_mail;
--- more_headers
X-User: v-7
X-Name: Vic
X-Mail: vic@shop.test
--- request
POST /support/v1/session
{"mode":"bearer"}
--- json
{"visitor": {"name": "Vic", "email": "vic@shop.test", "verified": true}}
--- sql eval
"$::Count = 'v-7'"
--- sql_is: 1



=== TEST 15: not to a page of another origin
--- chat: chat_visitor_identity $http_x_user;
--- more_headers
X-User: v-8
Origin: https://evil.test
--- request
POST /support/v1/session
{"mode":"bearer"}
--- json
{"visitor": {"verified": false}}
--- sql eval
"$::Count = 'v-8'"
--- sql_is: 0



=== TEST 16: without it somebody identified is signed out
--- chat: chat_visitor_identity $http_x_user;
--- as: visitor eve
--- request
POST /support/v1/session
{"mode":"bearer"}
--- json
{"visitor": {"verified": false, "name": null}, "conversations": []}



=== TEST 17: off, where it is inherited
--- http_config
chat_visitor_identity $http_x_user;
--- chat: chat_visitor_identity off;
--- more_headers
X-User: v-9
--- request
POST /support/v1/session
{"mode":"bearer"}
--- json
{"visitor": {"verified": false}}



=== TEST 18: what the page tells
--- as: visitor tim
--- request
POST /support/v1/track
[{"name":"page","url":"https://shop.test/a"},
 {"name":"cart.add","data":{"sku":"A-1","n":2},"at":"2020-01-01T00:00:00.000Z"}]
--- error_code: 204
--- sql eval
"SELECT name, url, data, at > now() - interval '25 hours' FROM chat.track
  WHERE visitor = '" . ChatTest::visitor('tim') . "' ORDER BY id"
--- sql_is
page|https://shop.test/a||t
cart.add||{"n": 2, "sku": "A-1"}|t



=== TEST 19: what it cannot
--- as: visitor tim
--- request eval
[map { "POST /support/v1/track\n$_" } '[]', '[7]', '[{}]', '{"name":"x"}',
 '[{"name":"a b"}]', '[{"name":"a","at":"yesterday"}]',
 '[{"name":"a","data":{"x":"' . 'x' x 2048 . '"}}]',
 '[' . CORE::join(',', ('{"name":"a"}') x 11) . ']']
--- error_code eval
[422, 422, 422, 400, (422) x 4]



=== TEST 20: and how often
--- http_config
chat_limit tracks=1r/m burst=2;
--- as eval
CORE::join "\n", ('visitor tom') x 3
--- request eval
[("POST /support/v1/track\n[{\"name\":\"a\"}]") x 3]
--- error_code eval
[204, 204, 429]



=== TEST 21: attributes that are the site's word
--- request eval
[map { main::session(main::jwt(claims => {sub => 'u-claim',
                                          attributes => $_})) }
 {plan => 'gold', tier => 2, gone => 'x'}, {gone => undef}]
--- error_code eval
[200, 200]
--- sql eval
"SELECT attributes, claimed FROM chat.visitor
  WHERE external_id = 'u-claim' AND site = " . ChatTest::site_id()
--- sql_is
{"plan": "gold", "tier": 2}|{plan,tier}



=== TEST 22: the browser of who was anonymous is his
--- init
ChatTest::psql("UPDATE chat.visitor SET user_agent = 'Mine', time_zone = 'UTC'
                 WHERE id = '" . ChatTest::visitor('dev') . "'");
ChatTest::Block::wait_ready();
--- as: visitor dev
--- request eval
main::session(main::jwt(claims => {sub => 'u-dev'}))
--- sql eval
"SELECT (SELECT user_agent || '|' || time_zone FROM chat.visitor
          WHERE external_id = 'u-dev' AND site = v.site),
        num_nulls(user_agent, time_zone)
   FROM chat.visitor v WHERE id = '" . ChatTest::visitor('dev') . "'"
--- sql_is
Mine|UTC|2



=== TEST 23: but for what this call says
--- init
ChatTest::psql("UPDATE chat.visitor SET user_agent = 'Mine', time_zone = 'UTC'
                 WHERE id = '" . ChatTest::visitor('dev2') . "'");
ChatTest::Block::wait_ready();
--- as: visitor dev2
--- more_headers
User-Agent: Newer
--- request eval
main::session(main::jwt(claims => {sub => 'u-dev'}))
--- sql eval
"SELECT user_agent || '|' || time_zone FROM chat.visitor
  WHERE external_id = 'u-dev' AND site = " . ChatTest::site_id()
--- sql_is
Newer|UTC
