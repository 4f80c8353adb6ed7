# The stream by long poll and by server-sent events, over HTTP/1.1 and HTTP/2,
# has the same properties: t/stream/stream.test.mjs.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Node;

my $drain = 3;
my $h2 = ChatTest::Nginx::free_port();
my $nginx = ChatTest::Nginx->new(
    workers => 2, http => "chat_drain ${drain}s; gzip on; gzip_types *;",
    server => "listen 127.0.0.1:$h2 http2;")->start;

my $length = 450;
my $long = conversation('alice', 'one');
my $gone = conversation('alice', 'gone');

psql("UPDATE chat.conversation SET erased_at = now() WHERE id = '$gone'");
append($long, $length);

my %env = (
    h1 => $nginx->port, h2 => $h2, pid => $nginx->master, drain => $drain,
    epoch => epoch(), long => $long, length => $length, gone => $gone,
    dana => agent('dana', name => 'Dana'),
    tokens => {alice => visitor_token('alice'), bob => visitor_token('bob'),
               dana => agent_token('dana')},
);

for my $protocol ('h1', 'h2') {
    $env{quiet} = conversation('bob', 'quiet');

    local $ENV{CHAT_STREAM} = json_encode({%env, protocol => $protocol});
    ChatTest::Node->run(dirname(abs_path($0)) . '/stream',
                        'stream.test.mjs');
}

my $aborted = grep { m{ /support/v1/stream\S* HTTP/[\d.]+" 499 } }
              $nginx->access_lines;

cmp_ok($aborted, '>=', 10, 'polls that were aborted are logged as 499');

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();


# Messages up to that seq in one statement.

sub append {
    my ($conversation, $last) = @_;

    my @actor = ChatTest::actor('agent dana');
    my @types = qw(int text uuid bigint uuid);
    my @arrays = map { "array_agg($actor[$_]::$types[$_])" } 0 .. $#actor;

    for (my $from = 2; $from <= $last; $from += 100) {
        my $to = $from + 99 < $last ? $from + 99 : $last;

        psql('SELECT a.outcome FROM (SELECT ' . join(', ',
             map { "$arrays[$_] AS a$_" } 0 .. $#arrays)
             . ", array_agg('$conversation'::uuid) AS c,
               array_agg(gen_random_uuid()) AS e,
               array_agg('l-' || n) AS m, array_agg(false) AS i,
               array_agg('message ' || n) AS t, array_agg(NULL::text) AS d,
               array_agg(-1::bigint) AS x
               FROM generate_series($from, $to) n) s,
             chat.append_1(a0, a1, a2, a3, a4, c, e, m, i, t, d, x, true) a");
    }
}
