# R3, R4, R9.  The stream by long poll, server-sent events and WebSocket, over
# HTTP/1.1 and HTTP/2, has the same properties: t/stream/stream.test.mjs.
# t/stream-tls.t is the same over TLS.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Stream;

my $h2 = ChatTest::Nginx::free_port();
my $stream = ChatTest::Stream->new(server => "listen 127.0.0.1:$h2 http2;");
my $nginx = $stream->nginx;

$stream->run('h1', h1 => $nginx->port);
$stream->run('h2', h1 => $nginx->port, h2 => $h2);

my $aborted = grep { m{ /support/v1/stream\S* HTTP/[\d.]+" 499 } }
              $nginx->access_lines;

cmp_ok($aborted, '>=', 10, 'polls that were aborted are logged as 499');

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
