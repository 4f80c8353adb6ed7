# examples/minimal.conf as it is, but for what is this machine's: the module,
# the port, the database, and where files go.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Nginx;

my $example = 'examples/minimal.conf';
my $postgres = ChatTest::postgres();

sub adapt {
    my ($nginx) = @_;

    open my $in, '<', $example or die "$example: $!\n";
    my $text = do { local $/; <$in> };
    my $root = $nginx->root;
    my $files = join ' ', "access_log $root/logs/access.log;",
        map { "${_}_temp_path $root/$_;" }
        qw(client_body proxy fastcgi scgi uwsgi);
    my $main = "pid $root/logs/nginx.pid;"
             . ($> == 0 ? ' user root;' : '');
    my @changes = (
        [qr/^load_module\s[^;]+;/m,
         join ' ', map { "load_module $_;" }
                   split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // ''],
        [qr/\bhost=\/run\/postgresql[^"]*/, $postgres],
        [qr/\blisten\s+8080;/, 'listen 127.0.0.1:' . $nginx->port . ';'],
        [qr/^http \{/m, "$main\nhttp { $files"],
    );

    for (@changes) {
        my ($what, $by) = @$_;
        is($text =~ s/$what/$by/g, 1, "$example has $what");
    }

    return $text;
}


my $nginx = ChatTest::Nginx->new(text => \&adapt, workers => 1)->start;

is((stat $nginx->root . '/conf/chat.keys')[2] & 07777, 0600,
   'the key file has been made');

my $browser = $nginx->client(headers => ['Sec-Fetch-Site: same-origin']);
my $session = $browser->post('/support/v1/session', {});

is($session->status, 200, 'a visitor comes');

my ($cookie) = $session->header('Set-Cookie') =~ /^([^;]+)/;
like($cookie, qr/^chat-visitor-default=/, 'and has a cookie');
push @{$browser->{headers}}, "Cookie: $cookie";

my $talk = $browser->post('/support/v1/conversations',
                          {client_msg_id => 'a', text => 'hello'});

is($talk->status, 201, 'the visitor writes');

my $id = $talk->json->{id};

is(psql("SELECT e.text, s.name FROM chat.event e JOIN chat.site s "
        . "ON s.id = e.site WHERE e.conversation = '$id'"), 'hello|default',
   'which is in the database');

my $loader = $browser->get('/support/w.js');

is($loader->status, 200, 'the loader is served');
is($browser->get('/support/console/')->status, 200, 'and so is the console');

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
