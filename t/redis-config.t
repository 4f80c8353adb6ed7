# nginx -t: what "chat_redis" takes and what it says of the rest, never with a
# part of a password.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;

plan tests => 47;
run_tests();

__DATA__

=== TEST 1: something else
--- http_config
    chat_redis localhost:6379;
--- must_die
--- suppress_stderr
--- error_log
invalid address of Redis: it begins with neither "unix:", "redis://" nor "rediss://"
"chat_redis" directive is invalid: it takes "unix:<path>", "redis://[user:password@]host[:port]", "rediss://..." for TLS, or "file:<path>" of a file with one of them



=== TEST 2: nothing
--- http_config
    chat_redis "";
--- must_die
--- suppress_stderr
--- error_log
invalid address of Redis: it begins with neither



=== TEST 3: twice
--- http_config
    chat_redis unix:/tmp/a;
    chat_redis unix:/tmp/a;
--- must_die
--- suppress_stderr
--- error_log
"chat_redis" directive is duplicate



=== TEST 4: in a location
--- chat: chat_redis unix:/tmp/a;
--- must_die
--- suppress_stderr
--- error_log
"chat_redis" directive is not allowed here



=== TEST 5: a Unix socket without a path
--- http_config
    chat_redis unix:;
--- must_die
--- suppress_stderr
--- error_log
invalid address of Redis: a Unix socket needs an absolute path



=== TEST 6: a Unix socket with a relative path
--- http_config
    chat_redis unix:redis.sock;
--- must_die
--- suppress_stderr
--- error_log
invalid address of Redis: a Unix socket needs an absolute path



=== TEST 7: a host that is none
--- http_config
    chat_redis redis://;
--- must_die
--- suppress_stderr
--- error_log
invalid address of Redis: no host



=== TEST 8: a port that is none
--- http_config
    chat_redis redis://127.0.0.1:99999;
--- must_die
--- suppress_stderr
--- error_log
invalid address of Redis: invalid port



=== TEST 9: a database
--- http_config
    chat_redis redis://127.0.0.1/1;
--- must_die
--- suppress_stderr
--- error_log
invalid address of Redis: it has a path, while channels are outside of databases



=== TEST 10: a user without a password
--- http_config
    chat_redis redis://sesame@127.0.0.1;
--- must_die
--- suppress_stderr
--- error_log
invalid address of Redis: there is no password before "@"
--- no_error_log
sesame



=== TEST 11: a password with a percent sign
--- http_config
    chat_redis redis://chat:sesame%2@127.0.0.1;
--- must_die
--- suppress_stderr
--- error_log
invalid address of Redis: a "%" of user or password is not followed by two hex digits
--- no_error_log
sesame



=== TEST 12: a name that does not exist
--- http_config
    chat_redis redis://chat:sesame@nobody.invalid;
--- must_die
--- suppress_stderr
--- error_log
host not found in "chat_redis" of "nobody.invalid:6379"; a "resolver" at the http level would resolve it at run time
--- no_error_log
sesame



=== TEST 13: an authority without TLS
--- http_config
    chat_redis redis://127.0.0.1 ca=/etc/ssl/none.crt;
--- must_die
--- suppress_stderr
--- error_log
"chat_redis" directive has "ca", which is for "rediss://" only



=== TEST 14: an authority that is not there
--- http_config
    chat_redis rediss://127.0.0.1 ca=/etc/ssl/none.crt;
--- must_die
--- suppress_stderr
--- error_log
/etc/ssl/none.crt



=== TEST 15: another parameter
--- http_config
    chat_redis rediss://127.0.0.1 verify=off;
--- must_die
--- suppress_stderr
--- error_log
"chat_redis" directive: invalid value "verify=off", it must be "ca=<file>", or absent



=== TEST 16: a file that is not there
--- http_config
    chat_redis file:$TEST_NGINX_SERVER_ROOT/html/none;
--- must_die
--- suppress_stderr
--- error_log
failed (2: No such file or directory)
"chat_redis" directive is invalid



=== TEST 17: a file with something else
--- http_config
    chat_redis file:$TEST_NGINX_SERVER_ROOT/html/redis;
--- user_files
>>> redis
sesame
--- must_die
--- suppress_stderr
--- error_log
invalid address of Redis: it begins with neither
--- no_error_log
sesame



=== TEST 18: a file; nothing listens there, and the chat works
--- http_config
    chat_redis file:$TEST_NGINX_SERVER_ROOT/html/redis;
--- user_files
>>> redis
redis://chat:sesame@127.0.0.1:1/

--- request
GET /support/v1/live
--- error_code: 200
--- no_error_log
sesame
[alert]



=== TEST 19: a name with a resolver is not looked up at the start
--- http_config
    resolver 127.0.0.1:1;
    chat_redis redis://nobody.invalid;
--- request
GET /support/v1/live
--- error_code: 200
--- no_error_log
[emerg]



=== TEST 20: an address of version 6
--- http_config
    chat_redis redis://[::1]:1;
--- request
GET /support/v1/live
--- error_code: 200
--- no_error_log
[emerg]
