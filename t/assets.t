# What is served of the widget and the console: types, codings, caching,
# headers.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;
use IO::Uncompress::Gunzip ();

our %Etag;

# keeps the ETag and the body of an answer, and compares the body with that
# of another one by name

sub keep {
    my ($block, $body) = @_;
    my $name = $block->keep // return;

    $Etag{$name}{body} = $body;
}

sub gunzipped {
    my ($block, $body) = @_;
    my $name = $block->gunzipped // return;

    IO::Uncompress::Gunzip::gunzip(\$body, \my $text);
    Test::More::ok($text eq $Etag{$name}{body},
                   $block->name . ' - the same once unzipped');
    Test::More::cmp_ok(length $body, '<', length $text,
                       $block->name . ' - and smaller');
}

add_response_body_check(\&keep);
add_response_body_check(\&gunzipped);

no_shuffle();
plan tests => 62;
run_tests();

__DATA__

=== TEST 1: the loader
--- request
GET /support/w.js
--- keep: w.js
--- response_headers
Content-Type: text/javascript; charset=utf-8
Cache-Control: public, max-age=300
X-Content-Type-Options: nosniff
Cross-Origin-Resource-Policy: same-origin
Vary: Accept-Encoding, Origin
!Content-Encoding
--- response_headers_like
ETag: W/"[0-9a-f]{16}"



=== TEST 2: the loader, gzipped
--- request
GET /support/w.js
--- more_headers
Accept-Encoding: br, gzip;q=0.5
--- gunzipped: w.js
--- response_headers
Content-Encoding: gzip
Vary: Accept-Encoding, Origin



=== TEST 3: a client that refuses gzip
--- request
GET /support/w.js
--- more_headers
Accept-Encoding: gzip;q=0
--- response_headers
!Content-Encoding



=== TEST 4: the loader has not changed, in either coding
--- request eval
["GET /support/w.js", "GET /support/w.js"]
--- more_headers eval
["If-None-Match: *", "If-None-Match: *\nAccept-Encoding: gzip"]
--- error_code eval
[304, 304]
--- response_body eval
['', '']



=== TEST 5: another ETag
--- request
GET /support/w.js
--- more_headers
If-None-Match: W/"0000000000000000", "w"
--- response_headers
Cache-Control: public, max-age=300



=== TEST 6: HEAD
--- request
HEAD /support/w.js
--- response_headers_like
Content-Length: [1-9]\d+
ETag: W/"[0-9a-f]{16}"
--- response_body



=== TEST 7: a module and a picture
--- request eval
["GET /support/assets/widget.js", "GET /support/assets/icon.svg"]
--- response_headers eval
["Content-Type: text/javascript; charset=utf-8\nCache-Control: no-cache",
 "Content-Type: image/svg+xml\nCache-Control: no-cache"]



=== TEST 8: the console
--- request
GET /support/console/
--- response_headers
Content-Type: text/html; charset=utf-8
Cache-Control: no-cache
X-Content-Type-Options: nosniff
Referrer-Policy: no-referrer
Cross-Origin-Opener-Policy: same-origin
Cross-Origin-Resource-Policy: same-origin
Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'



=== TEST 9: the console is not to be had without its headers
--- request
GET /support/assets/console.html
--- error_code: 404
--- json: {"code": "not_found"}



=== TEST 10: files of the directories around
--- request eval
["GET /support/assets/..%2fsql%2f0001_init.sql", "GET /support/assets/w.js.gz"]
--- error_code eval
[404, 404]



=== TEST 11: pages of an allowed origin may load the widget
--- chat
chat_origin https://shop.example;
--- request eval
["GET /support/w.js", "GET /support/assets/widget.js"]
--- more_headers eval
["Origin: https://shop.example", "Origin: https://shop.example"]
--- response_headers eval
[("Access-Control-Allow-Origin: https://shop.example\n"
  . "Cross-Origin-Resource-Policy: cross-origin\n"
  . "!Access-Control-Allow-Credentials") x 2]



=== TEST 12: and not the console
--- chat
chat_origin https://shop.example;
--- request
GET /support/console/
--- response_headers
Cross-Origin-Resource-Policy: same-origin



=== TEST 13: another origin
--- chat
chat_origin https://shop.example;
--- request
GET /support/assets/widget.js
--- more_headers
Origin: https://shop.example.org
--- response_headers
!Access-Control-Allow-Origin



=== TEST 14: gzip of nginx does not compress again
--- http_config
    gzip on;
    gzip_types text/javascript;
    gzip_min_length 1;
--- request
GET /support/w.js
--- more_headers
Accept-Encoding: gzip
--- gunzipped: w.js
--- response_headers
Content-Encoding: gzip



=== TEST 15: a location for agents has no loader, one for visitors no console
--- config
    location /support/ { chat on; }
    location /desk/ { chat agent; }
    location /talk/ { chat visitor; }
--- request eval
["GET /desk/w.js", "GET /talk/console/", "GET /desk/console/",
 "GET /talk/w.js"]
--- error_code eval
[404, 404, 200, 200]
