# nginx -t: each directive wrong gives a message that names it and says what is
# allowed; each directive right is taken.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;

# --- file_mode, --- startup_log: one subtest each

Test::Nginx::Socket::add_test_cleanup_handler(sub {
    my ($block) = @_;

    if (defined $block->file_mode) {
        my ($file, $mode) = split ' ', $block->file_mode;

        is(sprintf('%04o', 07777 & (stat html_dir() . "/$file")[2]), $mode,
           $block->name . ' - mode');
    }

    if (defined $block->startup_log) {
        my $pattern = $block->startup_log;

        open my $in, '<', server_root() . '/logs/error.log' or die;
        like(do { local $/; <$in> }, qr/$pattern/,
             $block->name . ' - startup log');
    }
});

plan tests => 136;
run_tests();

__DATA__

=== TEST 1: chat with another word
--- config
    location /support/ { chat yes; }
--- must_die
--- suppress_stderr
--- error_log
"chat" directive: invalid value "yes"
it must be "on", "visitor", "agent" or "off"



=== TEST 2: chat without a word
--- config
    location /support/ { chat; }
--- must_die
--- suppress_stderr
--- error_log
invalid number of arguments in "chat" directive



=== TEST 3: chat twice
--- config
    location /support/ { chat on; chat on; }
--- must_die
--- suppress_stderr
--- error_log
"chat" directive is duplicate



=== TEST 4: chat in a server
--- config
    chat on;
--- must_die
--- suppress_stderr
--- error_log
"chat" directive is not allowed here



=== TEST 5: chat in a location without its slash
--- config
    location /support { chat on; }
--- must_die
--- suppress_stderr
--- error_log
"chat" directive cannot be used in a location whose name does not end with "/"
it needs a prefix location such as "location /support/ { ... }"



=== TEST 6: chat in a location of a regular expression
--- config
    location ~ /support/ { chat on; }
--- must_die
--- suppress_stderr
--- error_log
"chat" directive cannot be used in a location given by a regular expression



=== TEST 7: chat in an exact location
--- config
    location = /support/ { chat on; }
--- must_die
--- suppress_stderr
--- error_log
"chat" directive cannot be used in an exact location



=== TEST 8: chat in a named location
--- config
    location @support { chat on; }
--- must_die
--- suppress_stderr
--- error_log
"chat" directive cannot be used in a named location



=== TEST 9: chat and chat_status in one location
--- chat: chat_status;
--- must_die
--- suppress_stderr
--- error_log
"chat_status" directive conflicts with "chat" in the same location



=== TEST 10: chat_status with a parameter
--- config
    location = /status { chat_status on; }
--- must_die
--- suppress_stderr
--- error_log
invalid number of arguments in "chat_status" directive



=== TEST 11: no chat_postgres
--- http_config
    #chat_postgres
--- must_die
--- suppress_stderr
--- error_log
"chat" in location "/support/" needs "chat_postgres <conninfo>" at the http level



=== TEST 12: chat_postgres with what libpq does not take
--- http_config
    chat_postgres "hots=/run dbname=chat";
--- must_die
--- suppress_stderr
--- error_log
it has an option unknown to libpq
"chat_postgres" directive is invalid, it takes a connection string of libpq such as "host=/run/postgresql dbname=chat user=chat", or "file:<path>" of a file with one



=== TEST 13: chat_postgres empty
--- http_config
    chat_postgres "";
--- must_die
--- suppress_stderr
--- error_log
PostgreSQL connection string is empty
"chat_postgres" directive is invalid, it takes a connection string of libpq such as "host=/run/postgresql dbname=chat user=chat", or "file:<path>" of a file with one



=== TEST 14: chat_postgres without a user
--- http_config
    chat_postgres "host=/run/postgresql dbname=chat";
--- must_die
--- suppress_stderr
--- error_log
no "user" in PostgreSQL connection string
"chat_postgres" directive is invalid



=== TEST 15: chat_postgres twice
--- http_config
    chat_postgres "dbname=chat user=chat";
    chat_postgres "dbname=chat user=chat";
--- must_die
--- suppress_stderr
--- error_log
"chat_postgres" directive is duplicate



=== TEST 16: chat_postgres in a location
--- chat: chat_postgres "dbname=chat user=chat";
--- must_die
--- suppress_stderr
--- error_log
"chat_postgres" directive is not allowed here



=== TEST 17: chat_postgres from a file that is not there
--- http_config
    chat_postgres file:$TEST_NGINX_SERVER_ROOT/html/none;
--- must_die
--- suppress_stderr
--- error_log
open() "
failed (2: No such file or directory)
"chat_postgres" directive is invalid, it takes a connection string of libpq such as "host=/run/postgresql dbname=chat user=chat", or "file:<path>" of a file with one



=== TEST 18: chat_postgres from a file of something else
--- user_files
>>> conninfo
nonsense
--- http_config
    chat_postgres file:$TEST_NGINX_SERVER_ROOT/html/conninfo;
--- must_die
--- suppress_stderr
--- error_log
invalid PostgreSQL connection string
"chat_postgres" directive is invalid, it takes a connection string of libpq such as "host=/run/postgresql dbname=chat user=chat", or "file:<path>" of a file with one



=== TEST 19: chat_postgres from a directory
--- http_config
    chat_postgres file:$TEST_NGINX_SERVER_ROOT/html;
--- must_die
--- suppress_stderr
--- error_log
failed (21: Is a directory)
"chat_postgres" directive is invalid, it takes a connection string of libpq such as "host=/run/postgresql dbname=chat user=chat", or "file:<path>" of a file with one



=== TEST 20: no chat_key
--- http_config
    #chat_key
--- must_die
--- suppress_stderr
--- error_log
"chat" in location "/support/" needs "chat_key <file> [create]" at the http level



=== TEST 21: chat_key of a file that is not there
--- http_config
    chat_key $TEST_NGINX_SERVER_ROOT/html/none;
--- must_die
--- suppress_stderr
--- error_log
"chat_key" directive: the key file
does not exist; "chat_key
create" makes it



=== TEST 22: chat_key with another word
--- http_config
    chat_key $TEST_NGINX_SERVER_ROOT/html/none make;
--- must_die
--- suppress_stderr
--- error_log
"chat_key" directive: invalid value "make", it must be "create", or absent



=== TEST 23: chat_key twice
--- http_config
    chat_key $TEST_NGINX_KEYS;
    chat_key $TEST_NGINX_KEYS;
--- must_die
--- suppress_stderr
--- error_log
"chat_key" directive is duplicate



=== TEST 24: a key that is too short
--- user_files
>>> k
# a comment
c0ffee00 0011
--- http_config
    chat_key $TEST_NGINX_SERVER_ROOT/html/k;
--- must_die
--- suppress_stderr
--- error_log
"chat_key" directive: a key of 64 to 128 hexadecimal digits is expected in line 2



=== TEST 25: a key id that is none
--- user_files
>>> k
key1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
--- http_config
    chat_key $TEST_NGINX_SERVER_ROOT/html/k;
--- must_die
--- suppress_stderr
--- error_log
"chat_key" directive: a key id of 8 hexadecimal digits is expected in line 1



=== TEST 26: three keys
--- user_files
>>> k
c0ffee01 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
c0ffee02 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
c0ffee03 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
--- http_config
    chat_key $TEST_NGINX_SERVER_ROOT/html/k;
--- must_die
--- suppress_stderr
--- error_log
"chat_key" directive: more than two keys in line 3



=== TEST 27: one key id twice
--- user_files
>>> k
c0ffee01 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
C0FFEE01 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
--- http_config
    chat_key $TEST_NGINX_SERVER_ROOT/html/k;
--- must_die
--- suppress_stderr
--- error_log
"chat_key" directive: the same key id again in line 2



=== TEST 28: no key in the file
--- user_files
>>> k
# nothing
--- http_config
    chat_key $TEST_NGINX_SERVER_ROOT/html/k;
--- must_die
--- suppress_stderr
--- error_log
"chat_key" directive: no key



=== TEST 29: a key file that is a directory
--- http_config
    chat_key $TEST_NGINX_SERVER_ROOT/html;
--- must_die
--- suppress_stderr
--- error_log
"chat_key" directive:
is not a regular file



=== TEST 30: no word of a key is in the log
--- user_files
>>> k
c0ffee01 secret-secret
--- http_config
    chat_key $TEST_NGINX_SERVER_ROOT/html/k;
--- must_die
--- suppress_stderr
--- no_error_log
secret-secret
--- error_log
"chat_key" directive



=== TEST 31: chat_site with other characters
--- chat: chat_site "My Shop";
--- must_die
--- suppress_stderr
--- error_log
"chat_site" directive: invalid value "My Shop"
it must be 1 to 32 characters of a-z, 0-9, "_" or "-"



=== TEST 32: chat_site that is too long
--- chat: chat_site abcdefghijabcdefghijabcdefghijabc;
--- must_die
--- suppress_stderr
--- error_log
"chat_site" directive: invalid value



=== TEST 33: chat_site twice
--- chat: chat_site a; chat_site a;
--- must_die
--- suppress_stderr
--- error_log
"chat_site" directive is duplicate



=== TEST 34: chat_origin with a path
--- chat: chat_origin https://shop.test/a;
--- must_die
--- suppress_stderr
--- error_log
"chat_origin" directive: invalid value "https://shop.test/a"
it must be "none" alone, or "settings" and exact origins such as "https://shop.example.com"



=== TEST 35: chat_origin of all
--- chat: chat_origin *;
--- must_die
--- suppress_stderr
--- error_log
"chat_origin" directive: invalid value "*"



=== TEST 36: chat_origin none and another
--- chat: chat_origin https://shop.test none;
--- must_die
--- suppress_stderr
--- error_log
"chat_origin" directive: invalid value "none"



=== TEST 37: chat_origin twice
--- chat: chat_origin none; chat_origin none;
--- must_die
--- suppress_stderr
--- error_log
"chat_origin" directive is duplicate



=== TEST 38: chat_secure with another word
--- chat: chat_secure yes;
--- must_die
--- suppress_stderr
--- error_log
"chat_secure" directive: invalid value "yes", it must be "auto", "on" or "off"



=== TEST 39: chat_secure twice
--- chat: chat_secure on; chat_secure on;
--- must_die
--- suppress_stderr
--- error_log
"chat_secure" directive is duplicate



=== TEST 40: chat_poll_timeout that is no time
--- chat: chat_poll_timeout soon;
--- must_die
--- suppress_stderr
--- error_log
"chat_poll_timeout" directive: invalid value "soon", it must be a time from 1s to 55s



=== TEST 41: chat_poll_timeout that is too long
--- chat: chat_poll_timeout 56s;
--- must_die
--- suppress_stderr
--- error_log
"chat_poll_timeout" directive: invalid value "56s"



=== TEST 42: chat_poll_timeout twice
--- chat: chat_poll_timeout 5s; chat_poll_timeout 5s;
--- must_die
--- suppress_stderr
--- error_log
"chat_poll_timeout" directive is duplicate



=== TEST 43: chat_max_message that is no size
--- chat: chat_max_message big;
--- must_die
--- suppress_stderr
--- error_log
"chat_max_message" directive: invalid value "big", it must be a size from 1 to 16384 bytes



=== TEST 44: chat_max_message of nothing
--- chat: chat_max_message 0;
--- must_die
--- suppress_stderr
--- error_log
"chat_max_message" directive: invalid value "0"



=== TEST 45: chat_max_message that is too large
--- chat: chat_max_message 17k;
--- must_die
--- suppress_stderr
--- error_log
"chat_max_message" directive: invalid value "17k"



=== TEST 46: chat_max_message twice
--- chat: chat_max_message 1k; chat_max_message 1k;
--- must_die
--- suppress_stderr
--- error_log
"chat_max_message" directive is duplicate



=== TEST 47: chat_drain of nothing
--- http_config
    chat_drain 0;
--- must_die
--- suppress_stderr
--- error_log
"chat_drain" directive: invalid value "0", it must be a time from



=== TEST 48: chat_drain twice
--- http_config
    chat_drain 5s;
    chat_drain 5s;
--- must_die
--- suppress_stderr
--- error_log
"chat_drain" directive is duplicate



=== TEST 49: chat_drain in a location
--- chat: chat_drain 5s;
--- must_die
--- suppress_stderr
--- error_log
"chat_drain" directive is not allowed here



=== TEST 50: chat_migrate with another word
--- http_config
    chat_migrate maybe;
--- must_die
--- suppress_stderr
--- error_log
invalid value "maybe" in "chat_migrate" directive, it must be "on" or "off"



=== TEST 51: chat_migrate twice
--- http_config
    chat_migrate on;
    chat_migrate on;
--- must_die
--- suppress_stderr
--- error_log
"chat_migrate" directive is duplicate



=== TEST 52: chat_thread_pool of a pool that is not there
--- http_config
    chat_thread_pool workers;
--- must_die
--- suppress_stderr
--- error_log
unknown thread pool "workers"



=== TEST 53: chat_thread_pool twice
--- http_config
    chat_thread_pool default;
    chat_thread_pool default;
--- must_die
--- suppress_stderr
--- error_log
"chat_thread_pool" directive is duplicate



=== TEST 54: everything said, everything right
--- main_config
    thread_pool chat threads=2;
--- http_config
    chat_postgres file:$TEST_NGINX_SERVER_ROOT/html/conninfo;
    chat_thread_pool chat;
    chat_drain 5s;
    chat_migrate on;
    chat_origin https://a.test http://localhost:3000;
    chat_secure off;
    chat_poll_timeout 10s;
    chat_max_message 8k;
--- config
    location /support/ {
        chat on;
        chat_origin none;
        chat_secure auto;
        chat_poll_timeout 55s;
        chat_max_message 16k;
    }
    location /other/ { chat agent; }
    location = /status { chat_status; }
--- user_files
>>> conninfo

$TEST_NGINX_POSTGRES

--- request
GET /support/v1/ready
--- no_error_log
[error]



=== TEST 55: chat_key makes the file, for its owner alone
--- http_config
    chat_key $TEST_NGINX_SERVER_ROOT/html/made create;
--- request
GET /support/v1/ready
--- file_mode: made 0600
--- no_error_log
[error]



=== TEST 56: chat_key leaves a file that is there
--- suppress_stderr
--- http_config
    chat_key $TEST_NGINX_SERVER_ROOT/html/kept create;
--- user_files
>>> kept
c0ffee01 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
--- config
    location /support/ { chat on; }
    location /kept { root $TEST_NGINX_SERVER_ROOT/html; }
--- request
GET /kept
--- response_body
c0ffee01 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff



=== TEST 57: a key file that all may read is a warning
--- suppress_stderr
--- http_config
    chat_key $TEST_NGINX_SERVER_ROOT/html/open;
--- user_files
>>> open
c0ffee01 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
--- log_level: warn
--- request
GET /support/v1/live
--- startup_log: "chat_key" directive: .* is open to all users, its mode should be 0600



=== TEST 58: the module may be loaded and not used
--- http_config
    #chat_postgres
    #chat_key
    #chat_site
--- not_ready
--- config
    location = /t { return 200 ok; }
--- request
GET /t
--- response_body: ok
--- no_error_log
[error]
[alert]



=== TEST 59: chat_status alone needs nothing
--- http_config
    #chat_postgres
    #chat_key
    #chat_site
--- not_ready
--- config
    location = /status { chat_status; }
--- request
GET /status
--- response_body_like: chat_
