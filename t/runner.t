# The sections of the data-driven language that the suite relies on, with
# directives of nginx itself: what passes here passes under any runner.

use Test::Nginx::Socket;

repeat_each(2);
plan tests => repeat_each() * 84;

our $Preprocessed = 'preprocessed';

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value('more_headers', "X-Own: $Preprocessed")
        if defined $block->own;
});

add_response_body_check(sub {
    my ($block, $body, $i) = @_;

    is(length $body, $block->body_length, $block->name . ' - body length')
        if defined $block->body_length;
});

no_shuffle();
run_tests();

__DATA__

=== TEST 1: a body and its status
--- config
    location = /t { return 200 "hello\n"; }
--- request
GET /t
--- response_body
hello



=== TEST 2: error_code
--- config
    location = /t { return 404 "none\n"; }
--- request
GET /t
--- error_code: 404
--- response_body
none



=== TEST 3: the body of a request is counted
--- config
    location = /t { return 200 "$content_length $request_method"; }
--- request
POST /t
Hello world
--- response_body: 11 POST



=== TEST 4: several requests, headers for each
--- config
    location /t { return 200 "$uri $http_x_foo"; }
--- request eval
["GET /t/1", "GET /t/2"]
--- more_headers eval
["X-Foo: a", "X-Foo: b"]
--- response_body eval
["/t/1 a", "/t/2 b"]



=== TEST 5: status for each of several requests
--- config
    location = /a { return 201 a; }
    location = /b { return 409 b; }
--- request eval
["POST /a\nx", "POST /b\ny"]
--- error_code eval
[201, 409]



=== TEST 6: response_body_like
--- config
    location = /t { return 200 '{"id":"abc-1","n":3}'; }
--- request
GET /t
--- response_body_like chomp
^\{"id":"[a-z]+-\d".*\}$



=== TEST 7: response_body_unlike
--- config
    location = /t { return 200 "public"; }
--- request
GET /t
--- response_body_unlike: internal



=== TEST 8: a body compared with a pattern
--- config
    location = /t { return 200 "seq 17"; }
--- request
GET /t
--- response_body eval
qr/^seq \d+$/



=== TEST 9: response_headers, present and absent
--- config
    location = /t {
        add_header Retry-After 1 always;
        add_header X-Two a always;
        add_header X-Two b always;
        return 503;
    }
--- request
GET /t
--- error_code: 503
--- response_headers
Retry-After: 1
X-Two: a, b
! X-None



=== TEST 10: response_headers_like
--- config
    location = /t { add_header X-Time "t=$msec"; return 204; }
--- request
GET /t
--- error_code: 204
--- response_headers_like
X-Time: t=\d+\.\d{3}



=== TEST 11: raw_response_headers_like and unlike
--- config
    location = /t { return 301 /u; }
--- request
GET /t
--- error_code: 301
--- raw_response_headers_like: Location: http://localhost:\d+/u\r\n
--- raw_response_headers_unlike: Set-Cookie



=== TEST 12: raw_request in packets
--- config
    location = /t { return 200 "$http_x_a"; }
--- raw_request eval
["GET /t HTTP/1.1\r\nHost: localhost\r\nX-A: 1",
 "2\r\nConnection: close\r\n\r\n"]
--- raw_request_middle_delay: 0.05
--- response_body: 12



=== TEST 13: pipelined_requests
--- config
    location /t { return 200 "$uri"; }
--- pipelined_requests eval
["GET /t/1", "GET /t/2", "GET /t/3"]
--- response_body eval
["/t/1", "/t/2", "/t/3"]



=== TEST 14: a body in packets
--- config
    location = /t {
        client_body_in_single_buffer on;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/echo;
        proxy_set_header X-Length $content_length;
    }
    location = /echo { return 200 "$http_x_length"; }
--- request eval
[["POST /t\nna", {value => "me=foo", delay_before => 0.05}]]
--- response_body: 8



=== TEST 15: a chunked request is sent as it is
--- config
    location = /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/echo;
    }
    location = /echo { return 200 "$content_length"; }
--- request eval
"POST /t\n3\r\nabc\r\n0\r\n\r\n"
--- more_headers
Transfer-Encoding: chunked
--- response_body: 3
--- no_error_log
[error]



=== TEST 16: a chunked response is put together
--- config
    location = /t {
        chunked_transfer_encoding on;
        sub_filter a bb;
        sub_filter_once off;
        sub_filter_types text/plain;
        return 200 "banana";
    }
--- request
GET /t
--- response_body: bbbnbbnbb



=== TEST 17: HEAD has no body
--- config
    location = /t { return 200 "hello"; }
--- request
HEAD /t
--- response_headers
Content-Length: 5
--- response_body:



=== TEST 18: user_files, and a request line that is not complete
--- config
    location = /f.txt { root $TEST_NGINX_SERVER_ROOT/html; }
--- user_files
>>> f.txt
hello, file
>>> dir/g.txt
other
--- request
GET /f.txt
--- response_body
hello, file



=== TEST 19: user_files as data
--- config
    location /d/ { alias $TEST_NGINX_SERVER_ROOT/html/d/; }
--- user_files eval
[["d/a" => "A"], ["d/b" => "B"]]
--- request eval
["GET /d/a", "GET /d/b"]
--- response_body eval
["A", "B"]



=== TEST 20: http_config and main_config
--- main_config
    env TEST_ONLY;
--- http_config
    map $arg_a $mapped { default none; x found; }
--- config
    location = /t { return 200 $mapped; }
--- request
GET /t?a=x
--- response_body: found



=== TEST 21: error_log and no_error_log
--- config
    location = /t { root /nonexistent; }
--- request
GET /t
--- error_code: 404
--- error_log
open() "/nonexistent/t" failed
--- no_error_log
[crit]
[alert]



=== TEST 22: error_log with patterns
--- config
    location = /t { root /nonexistent; }
--- request
GET /t
--- error_code: 404
--- error_log eval
[qr/open\(\) "\S+" failed/, '/nonexistent']



=== TEST 23: the log of each request alone
--- config
    location = /t { root /nonexistent; }
    location = /u { return 200; }
--- request eval
["GET /u", "GET /u"]
--- no_error_log
[error]



=== TEST 24: grep_error_log
--- config
    location = /t { root /nonexistent; }
--- request
GET /t
--- error_code: 404
--- grep_error_log eval
qr/open\(\) "[^"]+"/
--- grep_error_log_out
open() "/nonexistent/t"



=== TEST 25: must_die
--- config
    location = /t { return; }
--- must_die
--- suppress_stderr
--- error_log
invalid number of arguments in "return" directive



=== TEST 26: must_die with an exit code
--- config
    unknown_directive on;
--- must_die: 1
--- suppress_stderr
--- error_log
unknown directive "unknown_directive"
--- no_error_log
[alert]



=== TEST 27: a block without config uses the nginx of the one before
--- config
    location = /t { return 200 one; }
--- request
GET /t
--- response_body: one



=== TEST 28: timeout and abort: nginx never answers
--- config
    location = /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/t;
        proxy_http_version 1.1;
        client_body_timeout 30s;
    }
--- raw_request eval
"POST /t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nab"
--- timeout: 200ms
--- abort
--- ignore_response
--- no_error_log
[error]



=== TEST 29: shutdown of the sending side
--- config
    location = /t { return 200 ok; }
--- request
GET /t
--- shutdown: 1
--- ignore_response
--- no_error_log
[error]



=== TEST 30: init runs once nginx is up
--- config
    location = /t { root $TEST_NGINX_SERVER_ROOT/html; }
--- init
my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
    PeerPort => Test::Nginx::Socket::server_port()) or die "not up\n";
--- request
GET /t
--- error_code: 404



=== TEST 31: preprocessors and body checks
--- config
    location = /t { return 200 $http_x_own; }
--- own
--- request
GET /t
--- response_body: preprocessed
--- body_length: 12



=== TEST 32: comments before the request
--- config
    location = /t { return 200 $args; }
--- request
# the arguments
# are echoed
GET /t?a=1
--- response_body: a=1



=== TEST 33: wait before the log is read
--- config
    location = /t { return 200; }
--- request
GET /t
--- wait: 0.1
--- no_error_log
[error]



=== TEST 34: no answer at all
--- config
    location = /t { return 444; }
--- request
GET /t
--- error_code:
