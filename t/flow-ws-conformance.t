# RFC 6455, case by case, over the production code for frames: a build of the
# module for tests has a location that echoes.  Each case is played twice,
# written at once and byte by byte; what is expected is strict: an answer that
# the RFC merely tolerates fails.

use strict;
use warnings;

use IO::Select ();
use Test::More;
use Time::HiRes qw(time sleep);
use ChatTest;
use ChatTest::Nginx;
use ChatTest::WebSocket;

my $module = "$ENV{CHAT_BUILD}/echo/ngx_http_chat_module.so";
-e $module or BAIL_OUT("there is no $module: make test builds it");
local $ENV{TEST_NGINX_LOAD_MODULES} = join ' ', map {
    m{/ngx_http_chat_module\.so\z} ? $module : $_
} split ' ', $ENV{TEST_NGINX_LOAD_MODULES};

my $nginx = ChatTest::Nginx->new(workers => 1, server =>
    'location = /echo { chat_echo; }')->start;

my ($failed, $cases) = (0, 0);


sub frame { return ChatTest::WebSocket->frame(@_) }
sub text { return frame(shift, opcode => 'text', @_) }
sub more { return frame(shift, opcode => 'text', fin => 0, @_) }
sub cont { return frame(shift, opcode => 'continuation', @_) }
sub part { return frame(shift, opcode => 'continuation', fin => 0, @_) }
sub bin { return frame(shift, opcode => 'binary', @_) }
sub ping { return frame(shift, opcode => 'ping', @_) }
sub pong { return frame(shift, opcode => 'pong', @_) }
sub bye { return frame(shift, opcode => 'close', @_) }
sub code { return bye(pack('n', $_[0]) . ($_[1] // '')) }


# Plays the frames, each a write of its own, in pieces of "chop" bytes, and
# compares with what is expected: [name, payload] ..., and the code of the
# close frame (undef: none comes, and the connection is closed with 1000 here).

sub play {
    my ($name, $frames, $expected, $code, %opt) = @_;

    for my $chop ($opt{chop} // (0, 1)) {
        my $got = run_case($frames, $chop, defined $code, %opt);
        my $want = [@$expected, ['closed', $code // 1000]];

        $cases++;
        is_deeply($got, $want, $name . ($chop ? ", by $chop" : ''))
            or $failed++;
    }
}

sub run_case {
    my ($frames, $chop, $ends, %opt) = @_;

    my $ws = ChatTest::WebSocket->new(port => $nginx->port, path => '/echo',
                                      raw => 1, protocol => undef);
    $ws->{closed} = 1 if $opt{mute};

    for my $bytes (@$frames) {
        if ($chop) {
            for (my $at = 0; $at < length $bytes; $at += $chop) {
                $ws->write(substr $bytes, $at, $chop) or last;
            }
        } else {
            $ws->write($bytes) or last;
        }
    }

    if (!$ends) {
        $ws->write(code(1000));
        $ws->{closed} = 1;
    }

    my $began = time;
    my $code = $ws->closed;
    $code = "$code late" if time - $began > 15;

    my @got = grep { $_->[0] ne 'close' } @{$ws->{frames}};
    my $closes = grep { $_->[0] eq 'close' } @{$ws->{frames}};

    return [@got, ['closed', $closes > 1 ? "$closes times" : $code]];
}

# Fails fast: the bytes are the first of a frame of 1000, which never ends.

sub fails_fast {
    my ($name, $bytes) = @_;
    play($name, [substr text($bytes . 'x' x 1000), 0, 8 + length $bytes], [],
         1007);
}


# 1: lengths

for my $length (0, 1, 2, 3, 4, 5, 6, 7, 8, 124 .. 129, 254 .. 257, 65535,
                65536)
{
    my $payload = 'a' x $length;
    my $chop = $length > 1000 ? 997 : 1;
    my @cases = ([text => text($payload)], [binary => bin($payload)]);
    for my $case (@cases) {
        play("$case->[0] of $length", [$case->[1]], [[$case->[0], $payload]],
             undef, chop => $_) for 0, $chop;
    }
}

play('length not minimal, 16 bits', [text('x' x 125, wide => 2)], [], 1002);
play('length not minimal, 64 bits', [text('x' x 126, wide => 8)], [], 1002);
play('length not minimal, 64 bits of 65535',
     [substr text('x' x 65535, wide => 8), 0, 14], [], 1002);
play('top bit of the length', [text('', wide => 8, length => 2**63)], [],
     1002);
play('a length of 2^62', [text('', wide => 8, length => 2**62)], [], 1009);
play('no mask', [text('hello', mask => 0)], [], 1002);
play('no mask on a ping', [ping('', mask => 0)], [], 1002);


# 2: pings and pongs

play('ping', [ping('')], [['pong', '']]);
play('ping with a payload', [ping('Hello')], [['pong', 'Hello']]);
play('ping with bytes', [ping("\x00\xff\xfe\xfd\xfc\xfb\x00\xff")],
     [['pong', "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"]]);
play('ping of 125', [ping('x' x 125)], [['pong', 'x' x 125]]);
play('ping of 126', [ping('x' x 126)], [], 1002);
play('ping of 126 in 16 bits', [ping('x' x 10, length => 126)], [], 1002);
play('pong', [pong('')], []);
play('pong with a payload', [pong('unasked')], []);
play('pong and ping', [pong('unasked'), ping('p')], [['pong', 'p']]);
play('ten pings', [map { ping("p$_") } 1 .. 10],
     [map { ['pong', "p$_"] } 1 .. 10]);
play('ten pings at once', [join '', map { ping("p$_") } 1 .. 10],
     [map { ['pong', "p$_"] } 1 .. 10]);


# 3: reserved bits

for my $rsv (1 .. 7) {
    play("reserved bits $rsv", [text('x', rsv => $rsv)], [], 1002);
    play("reserved bits $rsv, after a message",
         [text('first'), text('x', rsv => $rsv), ping('')],
         [['text', 'first']], 1002);
    play("reserved bits $rsv of a ping", [ping('x', rsv => $rsv)], [], 1002);
    play("reserved bits $rsv of a close", [bye('', rsv => $rsv)], [], 1002);
}


# 4: opcodes

for my $opcode (3 .. 7, 11 .. 15) {
    play("opcode $opcode", [frame('', opcode => $opcode)], [], 1002);
    play("opcode $opcode with a payload",
         [frame('payload', opcode => $opcode)], [], 1002);
    play("opcode $opcode, after a message",
         [text('first'), frame('x', opcode => $opcode), ping('')],
         [['text', 'first']], 1002);
}


# 5: fragmentation

play('ping in parts', [ping('f1', fin => 0), cont('f2')], [], 1002);
play('pong in parts', [pong('f1', fin => 0), cont('f2')], [], 1002);
play('close in parts', [bye("\x03\xe8", fin => 0)], [], 1002);
play('text in two', [more('f1'), cont('f2')], [['text', 'f1f2']]);
play('text in two at once', [more('f1') . cont('f2')], [['text', 'f1f2']]);
play('binary in two', [bin('f1', fin => 0), cont('f2')],
     [['binary', 'f1f2']]);
play('ping between parts', [more('f1'), ping('p'), cont('f2')],
     [['pong', 'p'], ['text', 'f1f2']]);
play('ping between parts, at once', [more('f1') . ping('p') . cont('f2')],
     [['pong', 'p'], ['text', 'f1f2']]);
play('pong between parts', [more('f1'), pong('p'), cont('f2')],
     [['text', 'f1f2']]);
play('close between parts', [more('f1'), code(1000)], [], 1000);
play('a part of nothing', [cont('x'), text('y')], [], 1002);
play('a part of nothing, not the last', [part('x'), text('y')], [], 1002);
play('a part of nothing, after a message',
     [text('a') . cont('x') . text('y')], [['text', 'a']], 1002);
play('text in text', [more('f1'), text('f2')], [], 1002);
play('binary in text', [more('f1'), bin('f2')], [], 1002);
play('five parts with pings',
     [more('f1'), part('f2'), ping('p1'), part('f3'), part('f4'), ping('p2'),
      cont('f5')],
     [['pong', 'p1'], ['pong', 'p2'], ['text', 'f1f2f3f4f5']]);
play('two messages in parts, at once',
     [join '', more('a'), cont('b'), more('c'), cont('d')],
     [['text', 'ab'], ['text', 'cd']]);
play('empty parts', [more(''), part(''), cont('')], [['text', '']]);
play('an empty part in the middle', [more('a'), part(''), cont('b')],
     [['text', 'ab']]);
play('hundred parts', [more('x'), (map { part('x') } 1 .. 98), cont('x')],
     [['text', 'x' x 100]]);


# 6: UTF-8

my $greek = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";

play('UTF-8', [text($greek)], [['text', $greek]]);
play('UTF-8, a frame for each byte',
     [more(substr $greek, 0, 1),
      (map { part(substr $greek, $_, 1) } 1 .. length($greek) - 2),
      cont(substr $greek, -1)], [['text', $greek]]);
play('UTF-8 with a ping within a character',
     [more("\xce"), ping("\xff\xfe"), cont("\xba")],
     [['pong', "\xff\xfe"], ['text', "\xce\xba"]]);
play('bytes that are no text, in binary', [bin("\xff\xfe\x80")],
     [['binary', "\xff\xfe\x80"]]);

my %valid = (
    'U+0000' => "\x00", 'U+007F' => "\x7f", 'U+0080' => "\xc2\x80",
    'U+07FF' => "\xdf\xbf", 'U+0800' => "\xe0\xa0\x80",
    'U+D7FF' => "\xed\x9f\xbf", 'U+E000' => "\xee\x80\x80",
    'U+FEFF' => "\xef\xbb\xbf", 'U+FFFD' => "\xef\xbf\xbd",
    'U+FFFE' => "\xef\xbf\xbe", 'U+FFFF' => "\xef\xbf\xbf",
    'U+10000' => "\xf0\x90\x80\x80", 'U+1FFFE' => "\xf0\x9f\xbf\xbe",
    'U+10FFFF' => "\xf4\x8f\xbf\xbf",
);
play("UTF-8: $_", [text($valid{$_})], [['text', $valid{$_}]])
    for sort keys %valid;

my %invalid = (
    'continuation 80' => "\x80", 'continuation BF' => "\xbf",
    'six continuations' => "\x80\xbf\x80\xbf\x80\xbf",
    'C0' => "\xc0\xaf", 'C1' => "\xc1\xbf", 'E0 80' => "\xe0\x80\xaf",
    'E0 9F' => "\xe0\x9f\xbf", 'F0 80' => "\xf0\x80\x80\xaf",
    'F0 8F' => "\xf0\x8f\xbf\xbf", 'F8' => "\xf8\x88\x80\x80\x80",
    'FC' => "\xfc\x84\x80\x80\x80\x80", 'FE' => "\xfe", 'FF' => "\xff",
    'F4 90' => "\xf4\x90\x80\x80", 'F5' => "\xf5\x80\x80\x80",
    'surrogate D800' => "\xed\xa0\x80", 'surrogate DB7F' => "\xed\xad\xbf",
    'surrogate DC00' => "\xed\xb0\x80", 'surrogate DFFF' => "\xed\xbf\xbf",
    'surrogate pair' => "\xed\xa0\x80\xed\xb0\x80",
    'CE 20' => "\xce ", 'E2 82 20' => "\xe2\x82 ",
    'in the middle' => "$greek\xed\xa0\x80edited",
);

for my $name (sort keys %invalid) {
    play("not UTF-8: $name", [text($invalid{$name})], [], 1007);
    play("not UTF-8, second part: $name",
         [more($greek), cont($invalid{$name})], [], 1007);
}

play('cut: CE', [text("\xce")], [], 1007);
play('cut: E2 82', [text("a\xe2\x82")], [], 1007);
play('cut: F0 9F 98', [text("\xf0\x9f\x98")], [], 1007);
play('cut, with an empty last part', [more("\xe2\x82"), cont('')], [], 1007);

# fail fast: before the frame or the message is complete

fails_fast('fails within a frame: FF', "$greek\xff");
fails_fast('fails within a frame: F4 90', "$greek\xf4\x90");
fails_fast('fails within a frame: ED A0', "\xed\xa0");
fails_fast('fails within a frame: C0', "\xc0");
play('fails before the last part: F4 90',
     [more($greek), part("\xf4\x90")], [], 1007);
play('fails before the last part: F4, 90',
     [more("$greek\xf4"), part("\x90")], [], 1007);


# 7: closing

play('close', [bye('')], [], 1005);
play('close after a message', [text('hello') . code(1000)],
     [['text', 'hello']], 1000);
play('two closes', [code(1000) . code(1000)], [], 1000);
play('ping after a close', [code(1000) . ping('')], [], 1000);
play('text after a close', [code(1000) . text('x')], [], 1000);
play('close within a message', [more('f1') . code(1000) . cont('f2')], [],
     1000);
play('a long message after a close', [code(1000) . text('x' x 65536)], [],
     1000, chop => 0);
play('close with half a code', [bye("\x03")], [], 1002);
play('close with a reason', [code(1000, 'Hello')], [], 1000);
play('close with a reason of 123', [code(1000, 'x' x 123)], [], 1000);
play('close with a reason of 124', [code(1000, 'x' x 124)], [], 1002);
play('close with a reason that is no text', [code(1000, "\xed\xa0\x80")], [],
     1007);
play('close with a reason that is cut', [code(1000, "\xe2\x82")], [], 1007);
play("close with $_", [code($_)], [], $_)
    for 1000 .. 1003, 1007 .. 1014, 3000, 3999, 4000, 4999;
play("close with $_", [code($_)], [], 1002)
    for 0, 999, 1004 .. 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535;
play('an error without an answer to its close', [text('x', rsv => 4)], [],
     1002, mute => 1);


# 9: long messages, in one frame and in many, and cut

for my $size (1 << 18, 1 << 20, 1 << 22) {
    my $payload = join '', map { chr(97 + $_ % 26) } 1 .. 1 << 10;
    $payload x= $size >> 10;

    play("text of $size", [text($payload)], [['text', $payload]], undef,
         chop => $_) for 0, 1997;

    my @parts = unpack '(a65536)*', $payload;
    my $last = pop @parts;
    my $first = shift @parts;
    play("text of $size in parts of 65536",
         [more($first), (map { part($_) } @parts), cont($last)],
         [['text', $payload]], undef, chop => 0);
}

play('thousand messages', [join '', map { text("m$_") } 1 .. 1000],
     [map { ['text', "m$_"] } 1 .. 1000], undef, chop => 0);


diag("$cases cases, $failed failed or not strict");
is($failed, 0, 'all cases');

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
