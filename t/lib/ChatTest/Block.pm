package ChatTest::Block;

# Sections of our own for t/*.t, made of what Test::Nginx::Socket documents
# for this: preprocessors, body checks, cleanup handlers.
#
# --- chat        directives in the location of the default configuration
# --- as          who sends: "visitor alice", "agent dana", "nobody"; for
#                 several requests one line each
# --- json        what the body must contain, see ChatTest::contains; for
#                 several requests an array of texts (undef: not looked at)
# --- sql         statement run after the requests,
# --- sql_is      what it gives
#
# A request with a body is sent as application/json unless more_headers names
# a Content-Type.  A block without config has one location, /support/, with
# chat on; http_config gets the database, the key and the site unless it has
# them, and chat_limit off.  Requests wait until the worker is ready.

use strict;
use warnings;

use Test::More ();
use Test::Nginx::Socket ();
use ChatTest ();
use ChatTest::Client ();


sub import {
    Test::Nginx::Socket::add_block_preprocessor(\&prepare);
    Test::Nginx::Socket::add_response_body_check(\&check_json);
    Test::Nginx::Socket::add_test_cleanup_handler(\&check_sql);
    Test::Nginx::Socket::worker_connections(256);
    Test::Nginx::Socket::master_on();
    Test::Nginx::Socket::no_long_string();
    ChatTest::site_id();
}


sub prepare {
    my ($block) = @_;

    prepare_config($block);

    return if defined $block->must_die;

    $block->set_value('init', 'ChatTest::Block::wait_ready();')
        unless defined $block->init || defined $block->not_ready;

    prepare_headers($block) if defined $block->request;
}


sub prepare_config {
    my ($block) = @_;

    my $http = $block->http_config // '';
    my %default = (
        chat_postgres => '"$TEST_NGINX_POSTGRES"',
        chat_key => '$TEST_NGINX_KEYS',
        chat_site => '$TEST_NGINX_SITE',
        chat_limit => 'off',
    );

    for (sort keys %default) {
        $http .= "    $_ $default{$_};\n" unless $http =~ /^\s*#?$_\b/m;
    }

    $block->set_value('http_config', $http);

    if (!defined $block->config) {
        my $more = $block->chat // '';
        $block->set_value('config',
                          "location /support/ {\n chat on;\n$more\n}\n");
    }
}


sub prepare_headers {
    my ($block) = @_;

    my $request = $block->request;
    my @requests = ref $request ? @$request : $request;
    my $more = $block->more_headers // '';
    my @who = split /\n/, $block->as // '';
    my @headers;

    die $block->name . " - as must name one sender for each request\n"
        if @who > 1 && @who != @requests;

    for my $i (0 .. $#requests) {
        my $text = ref $more ? $more->[$i] : $more;
        my $one = $requests[$i];
        my $bytes = join '', map { ref $_ ? $_->{value} : $_ }
                             ref $one ? @$one : $one;
        my $who = @who > 1 ? $who[$i] : $who[0];

        $text .= "\n" if length $text && $text !~ /\n\z/;
        $text .= 'Authorization: Bearer ' . token($who) . "\n"
            if defined $who && $who ne 'nobody';
        $text .= "Content-Type: application/json\n"
            if $bytes =~ /\A\s*[^\n]+\n\s*\S/ && $text !~ /^Content-Type/mi;
        push @headers, $text;
    }

    $block->set_value('more_headers', @headers > 1 ? \@headers : $headers[0]);
}


sub token {
    my ($who) = @_;

    return ChatTest::visitor_token($1) if $who =~ /^visitor (\S+)$/;
    return ChatTest::agent_token($1) if $who =~ /^agent (\S+)$/;
    die "nobody is \"$who\"\n";
}


sub wait_ready {
    my $client = ChatTest::Client->new(
        port => Test::Nginx::Socket::server_port());

    ChatTest::wait_until {
        my $answer = eval { $client->get('/support/v1/ready') };
        $answer && $answer->status == 200;
    } 20 or die "the worker is not ready\n";
}


sub check_json {
    my ($block, $body, $i) = @_;

    my $want = $block->json;
    return unless defined $want;

    $want = $want->[$i] if ref $want eq 'ARRAY';
    return unless defined $want;

    my $expected = ref $want ? $want : eval { ChatTest::json_decode($want) };
    die "--- json of " . $block->name . " is none: $@" unless $expected;

    my $got = eval { ChatTest::json_decode($body) };
    my $difference = $@ ? "it is no JSON: $@"
                        : ChatTest::contains($got, $expected);

    Test::More::is($difference, undef, $block->name . " - json (request $i)")
        or Test::More::diag($body);
}


sub check_sql {
    my ($block) = @_;

    my $sql = $block->sql;
    return unless defined $sql;

    my $expected = $block->sql_is // '';
    chomp $expected;
    $sql =~ s/\$site\b/ChatTest::site_id()/ge;

    Test::More::is(ChatTest::psql($sql), $expected, $block->name . ' - sql');
}


1;
