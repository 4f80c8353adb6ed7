# What the widget asks: forms before a chat, consent, cards; and who the
# visitor is.

use strict;
use warnings;

use Cwd qw(realpath);
use File::Basename qw(dirname);
use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Node;

my $dir = dirname(__FILE__);
my $www = realpath("$dir/../../examples/demo/www");
my $secret = 'a secret of the site, 32 bytes or more';

# One site that asks nothing, one that asks whatever it can, one that holds
# its visitors to a conversation, one that has a look and a language.

my ($plain, $asking, $single, $styled) = (site(), map { site() . "-$_" }
                                                  qw(a o s));

site_id();

my %settings = (
    $asking => '{"title": {"en": "Ask the shop", "ar": "اسأل المتجر",
                           "he": "שאלו את החנות"},
        "prechat": {"text": {"en": "Before we start:",
                             "ar": "قبل أن نبدأ:", "he": "לפני שמתחילים:"},
            "fields": [{"name": "name", "required": true},
                {"name": "email"}, {"name": "order", "label":
                    {"en": "Order number", "ar": "رقم الطلب",
                     "he": "מספר הזמנה"}}]},
        "away": {"text": {"en": "We are back at nine.",
                          "ar": "نعود في التاسعة.",
                          "he": "נחזור בתשע."}, "email": true},
        "consent": {"version": "2026-11",
            "text": {"en": "We keep what you write for a year.",
                     "ar": "نحتفظ بما يُكتب لمدة سنة.",
                     "he": "אנו שומרים את הנכתב לשנה."},
            "url": "https://shop.test/privacy"}}',
    $single => '{"one_conversation": true, "away": {"email": true}}',
    $styled => '{"title": {"en": "Ask the shop", "he": "שאלו את החנות"},
        "locale": "he", "theme": {"accent": "#0a7d55", "scheme": "dark",
                                  "side": "left"}}',
);

for my $name (sort keys %settings) {
    psql("SELECT outcome FROM chat.site_settings_put_1('$name', "
         . "'$settings{$name}')") eq 'ok'
        or die "the settings of $name are refused\n";
}

psql("SELECT chat.identity_key_put_1('$_', 'hs', 'HS256', '$secret')")
    for $plain, $asking;

my $nginx = ChatTest::Nginx->new(
    workers => 2,
    http => 'types { text/html html; text/css css; image/svg+xml svg; }',
    server => <<"_SERVER_",
        location /asking/ {
            chat on;
            chat_site $asking;
        }

        location /single/ {
            chat on;
            chat_site $single;
        }

        location /styled/ {
            chat on;
            chat_site $styled;
        }

        location / {
            root $www;
            index index.html;
            add_header Content-Security-Policy "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'" always;
        }
_SERVER_
);

$nginx->start;
agent('dana', email => 'dana@a.test', name => 'Dana');
agent('noa', email => 'noa@a.test', name => 'Noa', site => $asking);
agent('omar', email => 'omar@a.test', name => 'Omar', site => $single);

$ENV{CHAT_BASE_URL} = 'http://127.0.0.1:' . $nginx->port . '/';
$ENV{CHAT_AGENT_TOKEN} = agent_token('dana');
$ENV{CHAT_ASKING_TOKEN} = agent_token('noa');
$ENV{CHAT_SINGLE_TOKEN} = agent_token('omar');
$ENV{CHAT_IDENTITY_SECRET} = $secret;
$ENV{CHAT_IDENTITY_SITES} = "$plain $asking";

ChatTest::Node->run($dir, 'cards.test.js', 'who.test.js');

$nginx->stop;
is_deeply([$nginx->alarms], [], 'nginx had no trouble');
done_testing();
