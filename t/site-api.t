# What administrators say of their site, and the keys by which it proves who
# a visitor is: v1/site.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;
use Digest::SHA qw(hmac_sha256);

our $Site = site();
our $Root = agent('root', role => 'admin');
agent('sam', role => 'supervisor');
agent('dana');
agent('far', site => "$Site-2", role => 'admin');

our $Pem = build_dir() . "/site-$$";
system("openssl ecparam -name prime256v1 -genkey -noout -out $Pem.key"
       . " && openssl ec -in $Pem.key -pubout -out $Pem.pub 2>/dev/null"
       . " && openssl genrsa -out $Pem.rsa 2048 2>/dev/null"
       . " && openssl rsa -in $Pem.rsa -pubout -out $Pem.rpub 2>/dev/null")
    == 0 or die "openssl failed\n";

sub file { local (@ARGV, $/) = @_; return scalar <> }

our $Public = file("$Pem.pub");
our $Rsa = file("$Pem.rpub");
our $Private = file("$Pem.key");

sub patch {
    my ($version, %settings) = @_;
    return "PATCH /support/v1/site\n"
        . ChatTest::json_encode({version => $version, %settings});
}

sub version {
    return psql("SELECT version FROM chat.site WHERE name = '$Site'");
}

sub key {
    return "POST /support/v1/site/keys\n" . ChatTest::json_encode({@_});
}

# a session of somebody whom the key has signed

sub session {
    my ($kid, $secret) = @_;
    my $text = join '.', map { ChatTest::base64url(ChatTest::json_encode($_)) }
        {alg => 'HS256', kid => $kid},
        {sub => 'u-1', aud => $Site, exp => int(time) + 600};

    return "POST /support/v1/session\n" . ChatTest::json_encode({
        mode => 'bearer', identity => "$text."
            . ChatTest::base64url(hmac_sha256($text, $secret))});
}

sub audit {
    my ($action) = @_;
    return "SELECT count(*) FROM chat.audit WHERE action = '$action'"
        . " AND actor = '$Root' AND site = " . site_id();
}

our @Wrong = (
    [title => ''], [title => {english => 'x'}], [title => "a\nb\x07"],
    [title => 'x' x 65], [locale => 'EN'], [locale => 7],
    [theme => 'red', 'theme'], [theme => {accent => 'red'}, 'theme.accent'],
    [theme => {accent => undef}, 'theme.accent'],
    [theme => {scheme => 'sepia'}, 'theme.scheme'],
    [theme => {side => ['end']}, 'theme.side'],
    [theme => {css => 'x'}, 'theme.css'],
    [theme => {'<b>' => 'x'}, 'theme'],
    [prechat => {}, 'prechat.fields'],
    [prechat => {fields => [{name => 'a'}]}, 'prechat.fields.label'],
    [prechat => {fields => [{name => 'A', label => 'x'}]},
     'prechat.fields.name'],
    [prechat => {text => '', fields => [{name => 'name'}]}, 'prechat.text'],
    [away => {text => 7}, 'away.text'], [away => {email => 1}, 'away.email'],
    [consent => {text => 'x'}, 'consent.version'],
    [consent => {version => '1'}, 'consent.text'],
    [consent => {version => '1', text => 'x', url => 'javascript:1'},
     'consent.url'],
    [one_conversation => 'yes'], [origins => ['https://x.test']],
    [version => '1'], [version => -1],
);

no_shuffle();
plan tests => 160;
run_tests();

__DATA__

=== TEST 1: a site that has said nothing
--- as: agent dana
--- request
GET /support/v1/site
--- json eval
qq({"name": "$::Site", "version": 1, "title": null, "locale": null,
    "theme": null, "prechat": null, "away": null, "consent": null,
    "one_conversation": false})



=== TEST 2: an administrator changes it
--- as: agent root
--- request eval
main::patch(1, title => {en => 'Shop', ar => 'x'}, locale => 'he',
            theme => {accent => '#0a7d55', side => 'start'},
            away => {text => 'Back at nine', email => JSON::PP::true},
            consent => {version => '1', text => 'We keep this.'})
--- json
{"version": 2, "title": {"en": "Shop"}, "locale": "he",
 "theme": {"accent": "#0a7d55"}, "away": {"email": true}, "prechat": null}
--- sql eval
"SELECT data -> 'consent' ->> 'text' FROM chat.audit
  WHERE action = 'site_change' AND actor = '$::Root'"
--- sql_is: We keep this.



=== TEST 3: what it is then, to a visitor at once
--- request
POST /support/v1/session
{"mode":"bearer"}
--- json eval
qq({"site": {"name": "$::Site", "title": {"en": "Shop"}, "locale": "he",
             "theme": {"accent": "#0a7d55", "side": "start"},
             "consent": {"version": "1"}, "version": "!"}})



=== TEST 4: what is not named stays, what is named is replaced, null removes
--- as: agent root
--- request eval
main::patch(2, theme => {scheme => 'dark'}, locale => undef)
--- json
{"version": 3, "locale": null, "title": {"en": "Shop"},
 "theme": {"scheme": "dark", "accent": "!"}, "consent": {"version": "1"}}



=== TEST 5: what it says already is no change
--- as: agent root
--- request eval
main::patch(3, theme => {scheme => 'dark'})
--- json
{"version": 3}
--- sql eval
main::audit('site_change')
--- sql_is: 2



=== TEST 6: somebody was quicker
--- as: agent root
--- request eval
main::patch(2, title => 'Mine')
--- error_code: 409
--- json
{"code": "conflict", "field": "version",
 "site": {"version": 3, "title": {"en": "Shop"}}}
--- sql eval
"SELECT settings -> 'title' ->> 'en' FROM chat.site WHERE name = '$::Site'"
--- sql_is: Shop



=== TEST 7: without a version
--- as: agent root
--- request
PATCH /support/v1/site
{"title":"x"}
--- error_code: 422
--- json
{"field": "version"}



=== TEST 8: what cannot be, to the field
--- as: agent root
--- request eval
[map { main::patch(3, @$_[0, 1]) } @::Wrong]
--- error_code eval
[(422) x @::Wrong]
--- json eval
[map { my $f = $_->[2] // $_->[0]; qq({"code": "invalid_field",
                                       "field": "$f"}) } @::Wrong]
--- sql eval
"SELECT version FROM chat.site WHERE name = '$::Site'"
--- sql_is: 3



=== TEST 9: what visitors agree to keeps its words
--- as: agent root
--- request eval
[main::patch(3, consent => {version => '1', text => 'We sell this.'}),
 main::patch(3, consent => {version => '2', text => 'We sell this.'})]
--- error_code eval
[422, 200]
--- json eval
['{"field": "consent.version"}', '{"version": 4}']



=== TEST 10: an operator's change counts too
--- init
ChatTest::psql("SELECT chat.site_settings_put_1('$::Site',
                '{\"title\": \"By hand\"}')");
ChatTest::Block::wait_ready();
--- as: agent root
--- request eval
[main::patch(4, title => 'Mine'), 'GET /support/v1/site']
--- error_code eval
[409, 200]
--- json eval
['{"site": {"title": "By hand"}}', '{"version": 5, "consent": null}']



=== TEST 11: not by others
--- as
agent sam
agent dana
visitor ann
agent far
nobody
--- request eval
[(main::patch(5, title => 'Mine')) x 5]
--- error_code eval
[403, 403, 403, 401, 401]
--- sql eval
main::version()
--- sql_is: 5



=== TEST 12: a secret that is made is told once
--- as: agent root
--- request eval
[main::key(kid => 'made', alg => 'HS256'), 'GET /support/v1/site/keys']
--- error_code eval
[201, 200]
--- json eval
['{"id": "~^[0-9a-f-]{36}$", "kid": "made", "alg": "HS256",
   "created_at": "~Z$", "secret": "~^[0-9a-f]{64}$"}',
 '{"keys": [{"kid": "made", "alg": "HS256", "secret": "!", "key": "!"}]}']



=== TEST 13: and proves who somebody is
--- request eval
main::session('made', ChatTest::psql("SELECT key FROM chat.identity_key
    WHERE kid = 'made' AND site = " . ChatTest::site_id()))
--- json
{"visitor": {"verified": true}}



=== TEST 14: another one while it is replaced
--- as: agent root
--- request eval
main::key(kid => 'given', alg => 'HS256', key => 's' x 32)
--- error_code: 201
--- json
{"kid": "given", "secret": "!", "key": "!"}



=== TEST 15: both are good
--- request eval
[main::session('made', ChatTest::psql("SELECT key FROM chat.identity_key
    WHERE kid = 'made' AND site = " . ChatTest::site_id())),
 main::session('given', 's' x 32)]
--- error_code eval
[200, 200]



=== TEST 16: a third is too many
--- as: agent root
--- request eval
main::key(kid => 'third', alg => 'HS256')
--- error_code: 409
--- json
{"code": "conflict"}



=== TEST 17: keys that are none
--- as: agent root
--- request eval
[main::key(kid => 'given', alg => 'HS256'), main::key(alg => 'HS256'),
 main::key(kid => 'a b', alg => 'HS256'),
 main::key(kid => 'x', alg => 'none'), main::key(kid => 'x'),
 main::key(kid => 'x', alg => 'HS256', key => 'short'),
 main::key(kid => 'x', alg => 'HS256', key => $::Public),
 main::key(kid => 'x', alg => 'ES256'),
 main::key(kid => 'x', alg => 'ES256', key => 's' x 40),
 main::key(kid => 'x', alg => 'ES256', key => $::Rsa),
 main::key(kid => 'x', alg => 'ES256', key => $::Private),
 main::key(kid => 'x', alg => 'ES256', key => 7)]
--- error_code eval
[(422) x 12]
--- json eval
[map { qq({"field": "$_"}) } qw(kid kid kid alg alg), ('key') x 7]



=== TEST 18: one goes, and proves nothing any more
--- as: agent root
--- request eval
'DELETE /support/v1/site/keys/' . ChatTest::psql(
    "SELECT id FROM chat.identity_key WHERE kid = 'given' AND site = "
    . ChatTest::site_id())
--- error_code: 204
--- sql eval
main::audit('site_key_revoke')
--- sql_is: 1



=== TEST 19: at once
--- request eval
main::session('given', 's' x 32)
--- error_code: 401



=== TEST 20: a public key
--- as: agent root
--- request eval
main::key(kid => 'web', alg => 'ES256', key => $::Public)
--- error_code: 201
--- json
{"kid": "web", "alg": "ES256", "secret": "!"}



=== TEST 21: keys are for administrators of their site
--- as
agent sam
visitor ann
agent root
--- request eval
['GET /support/v1/site/keys', 'GET /support/v1/site/keys',
 'DELETE /support/v1/site/keys/' . ChatTest::uuid('nobody')]
--- error_code eval
[403, 403, 404]



=== TEST 22: no key is in the log of who did what
--- as: agent root
--- request
GET /support/v1/audit?limit=200
--- response_body_unlike
BEGIN PUBLIC|ssssssss|"key"
--- sql eval
main::audit('site_key_create')
--- sql_is: 3
