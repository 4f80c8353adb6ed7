# Bodies that are not what they should be.  Whatever is wrong with one, its
# answer says what, and nothing of it is stored.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;

our $Id = conversation('alice', 'first');
our $Path = "/support/v1/conversations/$Id/messages";

sub members { return '{' . join(',', map { qq("k$_":1) } 1 .. $_[0]) . '}' }
sub deep { return '[' x $_[0] . ']' x $_[0] }

# every block sends to the same conversation, where nothing may arrive

Test::Nginx::Socket::add_block_preprocessor(sub {
    my ($block) = @_;

    if (defined $block->send) {
        $block->set_value('request', "POST $Path\n" . $block->send);
        $block->set_value('as', 'visitor alice') unless defined $block->as;
    }

    if (!defined $block->stored) {
        $block->set_value('sql', 'SELECT count(*) FROM chat.event '
                                 . "WHERE conversation = '$Id' AND seq > 1");
        $block->set_value('sql_is', '0');
    }
});

no_shuffle();
plan tests => 124;
run_tests();

__DATA__

=== TEST 1: no JSON
--- send
hello
--- error_code: 400
--- response_headers
Content-Type: application/problem+json
--- json
{"status": 400, "code": "bad_json"}



=== TEST 2: JSON that ends too early
--- send
{"client_msg_id":"a","text":"hi"
--- error_code: 400
--- json
{"code": "bad_json"}



=== TEST 3: something after the JSON
--- send
{"client_msg_id":"a","text":"hi"}{}
--- error_code: 400
--- json
{"code": "bad_json"}



=== TEST 4: no object
--- send
["client_msg_id","a"]
--- error_code_like: ^(400|422)$



=== TEST 5: a string
--- send
"text"
--- error_code_like: ^(400|422)$



=== TEST 6: no body at all
--- as: visitor alice
--- more_headers
Content-Type: application/json
--- request eval
"POST $::Path"
--- error_code_like: ^(400|422)$



=== TEST 7: a missing field
--- send
{"client_msg_id":"a"}
--- error_code: 422
--- json
{"status": 422, "code": "invalid_field", "field": "text"}



=== TEST 8: another missing field
--- send
{"text":"hi"}
--- error_code: 422
--- json
{"code": "invalid_field", "field": "client_msg_id"}



=== TEST 9: an unknown field
--- send
{"client_msg_id":"a","text":"hi","seq":9}
--- error_code: 422
--- json
{"code": "invalid_field", "field": "seq"}



=== TEST 10: a number for a string
--- send
{"client_msg_id":"a","text":1}
--- error_code: 422
--- json
{"code": "invalid_field", "field": "text"}



=== TEST 11: an object for a string
--- send
{"client_msg_id":{"a":1},"text":"hi"}
--- error_code: 422
--- json
{"code": "invalid_field", "field": "client_msg_id"}



=== TEST 12: null for a string
--- send
{"client_msg_id":"a","text":null}
--- error_code: 422
--- json
{"code": "invalid_field", "field": "text"}



=== TEST 13: a field twice
--- send
{"client_msg_id":"a","text":"hi","text":"ho"}
--- error_code: 400
--- json
{"code": "bad_json"}



=== TEST 14: a field twice, once escaped
--- send
{"client_msg_id":"a","text":"hi","te\u0078t":"ho"}
--- error_code: 400
--- json
{"code": "bad_json"}



=== TEST 15: deeper than any message
--- send eval
'{"client_msg_id":"a","text":"hi","card":' . main::deep(20) . '}'
--- error_code_like: ^(400|422)$



=== TEST 16: as deep as a stack of most parsers
--- send eval
main::deep(8000)
--- error_code: 400
--- json
{"code": "bad_json"}



=== TEST 17: an escaped NUL
--- send
{"client_msg_id":"a","text":"a\u0000b"}
--- error_code_like: ^(400|422)$



=== TEST 18: a NUL byte
--- send eval
qq({"client_msg_id":"a","text":"a\0b"})
--- error_code: 400
--- json
{"code": "bad_json"}



=== TEST 19: a control character
--- send
{"client_msg_id":"a","text":"a\u0007b"}
--- error_code: 422
--- json
{"code": "invalid_field", "field": "text"}



=== TEST 20: invalid UTF-8
--- send eval
qq({"client_msg_id":"a","text":"a\xff\xfeb"})
--- error_code: 400
--- json
{"code": "bad_json"}



=== TEST 21: overlong UTF-8
--- send eval
qq({"client_msg_id":"a","text":"a\xc0\xaf"})
--- error_code: 400
--- json
{"code": "bad_json"}



=== TEST 22: UTF-8 that stops in a character
--- send eval
qq({"client_msg_id":"a","text":"a\xe2\x82"})
--- error_code: 400
--- json
{"code": "bad_json"}



=== TEST 23: half a surrogate pair
--- send
{"client_msg_id":"a","text":"a\ud800b"}
--- error_code: 400
--- json
{"code": "bad_json"}



=== TEST 24: a byte order mark
--- send eval
qq(\xef\xbb\xbf{"client_msg_id":"a","text":"a"})
--- error_code: 400
--- json
{"code": "bad_json"}



=== TEST 25: an empty text
--- send
{"client_msg_id":"a","text":""}
--- error_code: 422
--- json
{"code": "invalid_field", "field": "text"}



=== TEST 26: a text of blanks
--- send
{"client_msg_id":"a","text":" \n\t "}
--- error_code: 422
--- json
{"code": "invalid_field", "field": "text"}



=== TEST 27: a text that is too long by one byte
--- send eval
'{"client_msg_id":"a","text":"' . 'x' x 16385 . '"}'
--- error_code_like: ^(413|422)$



=== TEST 28: a body larger than any message
--- send eval
'{"client_msg_id":"a","text":"' . 'x' x 200000 . '"}'
--- error_code: 413
--- json
{"status": 413, "code": "too_large"}



=== TEST 29: a body that says it is huge is not waited for
--- raw_request eval
"POST $::Path HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
. "Authorization: Bearer " . ChatTest::visitor_token('alice') . "\r\n"
. "Content-Type: application/json\r\nContent-Length: 20000000\r\n\r\n{"
--- timeout: 1s
--- abort
--- error_code: 413
--- json
{"code": "too_large"}



=== TEST 30: a chunked body larger than any message
--- as: visitor alice
--- more_headers
Transfer-Encoding: chunked
Content-Type: application/json
--- request eval
"POST $::Path\n" . sprintf("%x\r\n%s\r\n", 200000, 'x' x 200000)
. "0\r\n\r\n"
--- error_code: 413
--- json
{"code": "too_large"}



=== TEST 31: chunked garbage
--- as: visitor alice
--- more_headers
Transfer-Encoding: chunked
Content-Type: application/json
--- request eval
"POST $::Path\nzz\r\n{}\r\n0\r\n\r\n"
--- error_code: 400



=== TEST 32: a body cut short by the client
--- raw_request eval
"POST $::Path HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
. "Authorization: Bearer " . ChatTest::visitor_token('alice') . "\r\n"
. "Content-Type: application/json\r\nContent-Length: 40\r\n\r\n"
. '{"client_msg_id":"a","text":"hi"}'
--- shutdown: 1
--- ignore_response
--- no_error_log
[alert]



=== TEST 33: another media type
--- more_headers
Content-Type: text/plain
--- send
{"client_msg_id":"a","text":"hi"}
--- error_code: 415
--- json
{"status": 415, "code": "media_type"}



=== TEST 34: a form
--- more_headers
Content-Type: application/x-www-form-urlencoded
--- send
client_msg_id=a&text=hi
--- error_code: 415
--- json
{"code": "media_type"}



=== TEST 35: a media type that only begins like it
--- more_headers
Content-Type: application/jsonp
--- send
{"client_msg_id":"a","text":"hi"}
--- error_code: 415



=== TEST 36: no media type
--- raw_request eval
my $body = '{"client_msg_id":"a","text":"hi"}';
"POST $::Path HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
. "Authorization: Bearer " . ChatTest::visitor_token('alice') . "\r\n"
. "Content-Length: " . length($body) . "\r\n\r\n$body"
--- error_code: 415
--- json
{"code": "media_type"}



=== TEST 37: a client_msg_id with other characters
--- send
{"client_msg_id":"a b","text":"hi"}
--- error_code: 422
--- json
{"code": "invalid_field", "field": "client_msg_id"}



=== TEST 38: a client_msg_id that is too long
--- send eval
'{"client_msg_id":"' . 'a' x 65 . '","text":"hi"}'
--- error_code: 422
--- json
{"code": "invalid_field", "field": "client_msg_id"}



=== TEST 39: an empty client_msg_id
--- send
{"client_msg_id":"","text":"hi"}
--- error_code: 422
--- json
{"code": "invalid_field", "field": "client_msg_id"}



=== TEST 40: more members than any request has
--- send eval
main::members(300)
--- error_code_like: ^(400|422)$



=== TEST 41: a name of JSON that needs escaping comes back escaped
--- send
{"client_msg_id":"a","text":"hi","a\"\\b":1}
--- error_code: 422
--- json
{"code": "invalid_field", "field": "a\"\\b"}



=== TEST 42: all that was wrong is forgotten: the next message is stored
--- stored
--- as: visitor alice
--- more_headers
Content-Type: Application/JSON; charset=utf-8
--- request eval
"POST $::Path\n" . '{"client_msg_id":"a","text":"hi"}'
--- error_code: 201
--- json
{"seq": 2, "client_msg_id": "a", "duplicate": false}



=== TEST 43: a chunked body is as good as another
--- stored
--- as: visitor alice
--- more_headers
Transfer-Encoding: chunked
Content-Type: application/json
--- request eval
"POST $::Path\n" . '10' . "\r\n" . '{"client_msg_id"' . "\r\n"
. '11' . "\r\n" . ':"b","text":"hi"}' . "\r\n0\r\n\r\n"
--- error_code: 201
--- json
{"seq": 3, "client_msg_id": "b"}



=== TEST 44: the longest text is stored as it is
--- stored
--- send eval
'{"client_msg_id":"c","text":"' . "\xd7\xa9" x 8192 . '"}'
--- error_code: 201
--- sql eval
"SELECT octet_length(text), length(text) FROM chat.event "
. "WHERE conversation = '$::Id' AND client_msg_id = 'c'"
--- sql_is: 16384|8192



=== TEST 45: line ends become one kind, tabs stay
--- stored
--- send
{"client_msg_id":"d","text":"a\r\nb\tc\nd"}
--- error_code: 201
--- sql eval
"SELECT replace(replace(text, E'\\n', '<lf>'), E'\\t', '<tab>')
 FROM chat.event WHERE conversation = '$::Id' AND client_msg_id = 'd'"
--- sql_is: a<lf>b<tab>c<lf>d



=== TEST 46: chat_max_message limits a text
--- stored
--- chat: chat_max_message 10;
--- as: visitor alice
--- request eval
["POST $::Path\n" . '{"client_msg_id":"e1","text":"12345678901"}',
 "POST $::Path\n" . '{"client_msg_id":"e2","text":"1234567890"}']
--- error_code eval
[422, 201]
