# R9.  chat_limit: what each limit refuses, whom it does not, and the
# directive.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;

# Requests of a block come from 127.0.0.1 unless X-Real-IP says otherwise.

our $RealIp = '
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
';

our $Alice = conversation('alice', 'hello');
our $Bob = conversation('bob', 'hello');
my $n = 0;

sub say_to {
    my ($id) = @_;

    return "POST /support/v1/conversations/$id/messages\n"
           . '{"client_msg_id":"l-' . ++$n . '","text":"hello"}';
}

sub typing {
    return "POST /support/v1/conversations/$_[0]/typing\n" . '{"on":true}';
}

sub create {
    return "POST /support/v1/conversations\n"
           . '{"client_msg_id":"c-' . ++$n . '","text":"hello"}';
}

sub session { return "POST /support/v1/session\n" . '{"mode":"bearer"}' }

sub sign_in {
    return "POST /support/v1/agent/session\n"
           . '{"email":"' . $_[0] . '","password":"no","mode":"bearer"}';
}

sub poll { return "GET /support/v1/stream?conversation=$_[0]&wait=0" }

plan tests => 161;
run_tests();

__DATA__

=== TEST 1: messages of a visitor: the burst, then 429 with the time to wait
--- http_config
    chat_limit messages=1r/m burst=3;
--- as: visitor alice
--- request eval
[map { main::say_to($::Alice) } 1 .. 4]
--- error_code eval
[201, 201, 201, 429]
--- response_headers_like eval
['', '', '', 'Retry-After: (?:59|60)']
--- json eval
['{}', '{}', '{}',
 '{"status": 429, "code": "rate_limited", "retry_after_ms": "~^[56]\\\\d{4}$"}']



=== TEST 2: what is refused is not stored
--- http_config
    chat_limit messages=1r/m burst=1;
--- as: visitor limited
--- request eval
["POST /support/v1/conversations\n"
 . '{"client_msg_id":"first","text":"hello"}', main::create()]
--- error_code eval
[201, 429]
--- sql eval
"SELECT count(*) FROM chat.conversation WHERE visitor = '"
. ChatTest::visitor('limited') . "'"
--- sql_is
1



=== TEST 3: an invalid message takes nothing
--- http_config
    chat_limit messages=1r/m burst=1;
--- as: visitor alice
--- request eval
["POST /support/v1/conversations/$::Alice/messages\n" . '{"text":"a"}',
 main::say_to($::Alice), main::say_to($::Alice)]
--- error_code eval
[422, 201, 429]



=== TEST 4: sustained is beside messages
--- http_config
    chat_limit sustained=2r/5m;
--- as: visitor alice
--- request eval
[map { main::say_to($::Alice) } 1 .. 3]
--- error_code eval
[201, 201, 429]
--- response_headers_like eval
['', '', 'Retry-After: 1[45]\d']



=== TEST 5: one visitor's limit is not another's
--- http_config
    chat_limit messages=1r/m burst=1;
--- as
visitor alice
visitor alice
visitor bob
--- request eval
[main::say_to($::Alice), main::say_to($::Alice), main::say_to($::Bob)]
--- error_code eval
[201, 429, 201]



=== TEST 6: typing
--- http_config
    chat_limit typing=1r/m burst=2;
--- as: visitor alice
--- request eval
[(map { main::typing($::Alice) } 1 .. 3), main::say_to($::Alice)]
--- error_code eval
[204, 204, 429, 201]



=== TEST 7: new conversations
--- http_config
    chat_limit conversations=2r/h;
--- as: visitor carol
--- request eval
[map { main::create() } 1 .. 3]
--- error_code eval
[201, 201, 429]
--- response_headers_like eval
['', '', 'Retry-After: (?:1799|1800)']



=== TEST 8: agents have their own
--- http_config
    chat_limit messages=1r/m burst=1 agent=1r/m burst=2;
--- as: agent dana
--- request eval
[map { main::say_to($::Alice) } 1 .. 3]
--- error_code eval
[201, 201, 429]



=== TEST 9: new visitors of an address
--- http_config
    chat_limit tokens=2r/h;
--- request eval
[map { main::session() } 1 .. 3]
--- error_code eval
[200, 200, 429]



=== TEST 10: who comes back with a token is no new visitor
--- http_config
    chat_limit tokens=1r/h;
--- as
nobody
nobody
visitor alice
visitor alice
--- request eval
[map { main::session() } 1 .. 4]
--- error_code eval
[200, 429, 200, 200]



=== TEST 11: an address behind a proxy is that of realip
--- http_config eval
"chat_limit tokens=1r/h;$::RealIp"
--- more_headers eval
["X-Real-IP: 192.0.2.1", "X-Real-IP: 192.0.2.1", "X-Real-IP: 192.0.2.2"]
--- request eval
[map { main::session() } 1 .. 3]
--- error_code eval
[200, 429, 200]



=== TEST 12: of IPv6 it is the /64
--- http_config eval
"chat_limit tokens=1r/h;$::RealIp"
--- more_headers eval
["X-Real-IP: 2001:db8:0:1::1", "X-Real-IP: 2001:db8:0:1:ffff::2",
 "X-Real-IP: 2001:db8:0:2::1"]
--- request eval
[map { main::session() } 1 .. 3]
--- error_code eval
[200, 429, 200]



=== TEST 13: a mapped IPv4 address is that address
--- http_config eval
"chat_limit tokens=1r/h;$::RealIp"
--- more_headers eval
["X-Real-IP: 192.0.2.1", "X-Real-IP: ::ffff:192.0.2.1",
 "X-Real-IP: ::ffff:192.0.2.2"]
--- request eval
[map { main::session() } 1 .. 3]
--- error_code eval
[200, 429, 200]



=== TEST 14: messages of an address, after those of its visitors
--- http_config
    chat_limit address_messages=3r/h;
--- as
visitor alice
visitor bob
visitor alice
visitor bob
--- request eval
[main::say_to($::Alice), main::say_to($::Bob), main::say_to($::Alice),
 main::say_to($::Bob)]
--- error_code eval
[201, 201, 201, 429]



=== TEST 15: an agent is not limited by the address
--- http_config
    chat_limit address_messages=1r/h;
--- as
visitor alice
agent dana
agent dana
--- request eval
[map { main::say_to($::Alice) } 1 .. 3]
--- error_code eval
[201, 201, 201]



=== TEST 16: off
--- http_config
    chat_limit off;
--- as: visitor alice
--- request eval
[map { main::say_to($::Alice) } 1 .. 12]
--- error_code eval
[(201) x 12]



=== TEST 17: the defaults
--- http_config
    chat_limit messages=1r/s burst=10;
--- as: visitor dave
--- request eval
[map { main::create() } 1 .. 6]
--- error_code eval
[(201) x 5, 429]



=== TEST 18: a location names one and inherits the others
--- http_config
    chat_limit conversations=1r/h typing=1r/h;
--- config
    location /support/ { chat on; chat_limit conversations=2r/h; }
--- as: visitor erin
--- request eval
[(map { main::create() } 1 .. 3), (map { main::typing($::Alice) } 1 .. 2)]
--- error_code eval
[201, 201, 429, 404, 429]



=== TEST 19: a location turns one off
--- http_config
    chat_limit conversations=1r/h;
--- config
    location /support/ { chat on; chat_limit conversations=off; }
--- as: visitor fay
--- request eval
[map { main::create() } 1 .. 3]
--- error_code eval
[201, 201, 201]



=== TEST 20: where all are off a location turns one on
--- http_config
    chat_limit off;
--- config
    location /support/ { chat on; chat_limit typing=1r/h; }
--- as: visitor alice
--- request eval
[main::typing($::Alice), main::typing($::Alice),
 map { main::say_to($::Alice) } 1 .. 11]
--- error_code eval
[204, 429, (201) x 11]



=== TEST 21: failed sign-ins: attempts at one e-mail from one address
--- http_config
    chat_limit failures=off sign_ins=1r/m burst=2;
--- request eval
[(map { main::sign_in('x@a.test') } 1 .. 3), main::sign_in('y@a.test'),
 main::sign_in('X@A.test')]
--- error_code eval
[401, 401, 429, 401, 429]
--- timeout: 10



=== TEST 22: from one address whatever the e-mail
--- http_config
    chat_limit failures=off address_sign_ins=1r/m burst=2;
--- request eval
[map { main::sign_in("z$_\@a.test") } 1 .. 3]
--- error_code eval
[401, 401, 429]
--- timeout: 10



=== TEST 23: failures that PostgreSQL keeps
--- http_config
    chat_limit failures=2 sign_ins=off;
--- request eval
[map { main::sign_in('slow@a.test') } 1 .. 3]
--- error_code eval
[401, 401, 429]
--- response_headers_like eval
['', '', 'Retry-After: 1']
--- timeout: 10



=== TEST 24: subscriptions of a worker that have to be read for
--- http_config
    chat_limit subscriptions=1r/m burst=1;
--- as: visitor alice
--- request eval
[main::poll($::Alice), main::poll($::Alice)]
--- error_code eval
[200, 503]
--- response_headers_like eval
['', 'Retry-After: (?:59|60)']
--- json eval
['{}', '{"code": "unavailable", "retry_after_ms": "~^\\\\d+$"}']



=== TEST 25: refusals are counted by name
--- http_config
    chat_limit typing=1r/m;
--- config
    location /support/ { chat on; }
    location = /status { chat_status; }
--- as
visitor alice
visitor alice
nobody
--- request eval
[main::typing($::Alice), main::typing($::Alice), "GET /status"]
--- error_code eval
[204, 429, 200]
--- response_body_like eval
['', '', '(?m)^chat_limited_total\{limit="typing"\} 1$']



=== TEST 26: an unknown name
--- http_config
    chat_limit message=1r/s;
--- must_die
--- suppress_stderr
--- error_log
"chat_limit" directive: invalid value "message=1r/s"
it must be one of the limits messages, sustained,



=== TEST 27: no rate
--- http_config
    chat_limit messages=10;
--- must_die
--- suppress_stderr
--- error_log
invalid value "messages=10"
it must be a rate such as "1r/s"



=== TEST 28: a rate of nothing
--- http_config
    chat_limit messages=0r/s;
--- must_die
--- suppress_stderr
--- error_log
invalid value "messages=0r/s"
or "off"



=== TEST 29: a period without a unit
--- http_config
    chat_limit messages=1r/5;
--- must_die
--- suppress_stderr
--- error_log
invalid value "messages=1r/5"
it must be a rate



=== TEST 30: too long a period
--- http_config
    chat_limit messages=1r/25h;
--- must_die
--- suppress_stderr
--- error_log
invalid value "messages=1r/25h"
in at most 24h



=== TEST 31: more than a token in a microsecond
--- http_config
    chat_limit messages=2000r/1ms;
--- must_die
--- suppress_stderr
--- error_log
invalid value "messages=2000r/1ms"
it must be a rate



=== TEST 32: a rate where a number is meant
--- http_config
    chat_limit streams=1r/s;
--- must_die
--- suppress_stderr
--- error_log
invalid value "streams=1r/s"
it must be a number from 1 to 65535, or "off"



=== TEST 33: burst of nothing
--- http_config
    chat_limit burst=5 messages=1r/s;
--- must_die
--- suppress_stderr
--- error_log
invalid value "burst=5"
right after the rate that it belongs to



=== TEST 34: burst of a number
--- http_config
    chat_limit streams=5 burst=5;
--- must_die
--- suppress_stderr
--- error_log
invalid value "burst=5"
right after the rate that it belongs to



=== TEST 35: no burst
--- http_config
    chat_limit messages=1r/s burst=0;
--- must_die
--- suppress_stderr
--- error_log
invalid value "burst=0"
it must be a number from 1 to 1000000



=== TEST 36: the same twice
--- http_config
    chat_limit messages=1r/s;
    chat_limit typing=1r/s messages=2r/s;
--- must_die
--- suppress_stderr
--- error_log
"chat_limit" directive: "messages" is duplicate
nginx.conf



=== TEST 37: off and something else
--- http_config
    chat_limit off;
    chat_limit typing=1r/s;
--- must_die
--- suppress_stderr
--- error_log
"chat_limit" directive is duplicate: "off" stands alone
nginx.conf



=== TEST 38: off among others
--- http_config
    chat_limit typing=1r/s off;
--- must_die
--- suppress_stderr
--- error_log
invalid value "off"
"off" alone, or limits such as



=== TEST 39: two lines
--- http_config
    chat_limit conversations=1r/h;
    chat_limit typing=1r/h;
--- as: visitor gil
--- request eval
[main::create(), main::create(), map { main::typing($::Alice) } 1 .. 2]
--- error_code eval
[201, 429, 404, 429]
