# R4.  The stream over TLS: the cases of t/stream.t, with HTTP/1.1 and HTTP/2
# by ALPN and WebSocket, and cookies of a secure site.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Certificate;
use ChatTest::Nginx;
use ChatTest::Stream;

my $certificate = ChatTest::Certificate->new('stream-tls');
my $tls = ChatTest::Nginx::free_port();
my $stream = ChatTest::Stream->new(
    http => $certificate->directives,
    server => "listen 127.0.0.1:$tls ssl http2;");
my $nginx = $stream->nginx;

my %env = (h1 => $nginx->port, h1s => $tls, h2s => $tls,
           ca => $certificate->path);

$stream->run('h1s', %env, file => 'secure.test.mjs');
$stream->run('h1s', %env);
$stream->run('h2s', %env);

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
