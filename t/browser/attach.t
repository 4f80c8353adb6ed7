# Attachments in the widget: picked, pasted, dropped, and what happens to them.

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
my $uploads = build_dir('attach-files');

# The page of another origin is served by another port: chat_origin names it.

my $far = ChatTest::Nginx::free_port();

# A site that asks before a chat.

my $asking = site() . '-a';
my $settings = '{"prechat": {"fields": [{"name": "name", "required": true}]}}';

site_id();
psql("SELECT outcome FROM chat.site_settings_put_1('$asking', '$settings')")
    eq 'ok' or die "the settings of $asking are refused\n";

system('rm', '-rf', $uploads);

my $nginx = ChatTest::Nginx->new(
    workers => 2,
    http => "types { text/html html; text/css css; image/svg+xml svg; }\n"
            . "chat_upload_path $uploads; chat_max_upload 1m;\n"
            . "server { listen 127.0.0.1:$far; location / { root $www; } }",
    location => "chat_origin http://127.0.0.1:$far;",
    server => <<"_SERVER_",
        location /asking/ {
            chat on;
            chat_site $asking;
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

$ENV{CHAT_BASE_URL} = 'http://127.0.0.1:' . $nginx->port . '/';
$ENV{CHAT_FAR_URL} = "http://127.0.0.1:$far/";
$ENV{CHAT_AGENT_TOKEN} = agent_token('dana');

ChatTest::Node->run($dir, 'attach.test.js');

$nginx->stop;
is_deeply([$nginx->alarms], [], 'nginx had no trouble');
done_testing();
