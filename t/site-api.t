# What administrators say of their site: v1/site.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;

our $Site = site();
our $Root = agent('root', role => 'admin');
agent('sam', role => 'supervisor');
agent('dana');
agent('far', site => "$Site-2", role => 'admin');

sub patch {
    my ($version, %settings) = @_;
    return "PATCH /support/v1/site\n"
        . ChatTest::json_encode({version => $version, %settings});
}

sub audit {
    my ($action) = @_;
    return "SELECT count(*) FROM chat.audit WHERE action = '$action'"
        . " AND actor = '$Root' AND site = " . site_id();
}

sub version { return "SELECT version FROM chat.site WHERE name = '$Site'" }

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
    [one_conversation => 'yes'], [origins => ['x.test']],
    [version => '1'], [version => -1],
);

no_shuffle();
plan tests => 84;
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
main::version()
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
