# R7, R9.  Reloads while readers of every transport listen, and connections
# that come and go, leave memory and descriptors as they were.  "make soak" is
# the long form.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Certificate;
use ChatTest::Nginx;
use ChatTest::Stream;

my $long = $ENV{CHAT_SOAK};
my %soak = $long
    ? (readers => 1000, conversations => 40, pause => 40, reloads => 100,
       connects => 100000, idle => 2000, warm => 4)
    : (readers => 90, conversations => 6, pause => 20, reloads => 3,
       connects => 3000, idle => 200, warm => 2);

# percent, and KiB that malloc may keep besides
my ($percent, $slack) = $long ? (3, 1024) : (10, 4096);

# a sanitizer holds back what has been freed, and pads the rest
my $sanitized = defined $ENV{ASAN_OPTIONS};

my $certificate = ChatTest::Certificate->new('flow-soak');
my $tls = ChatTest::Nginx::free_port();
my $stream = ChatTest::Stream->new(
    drain => 1, log => 'notice', connections => 4096,
    main => 'worker_rlimit_nofile 8192;',
    http => $certificate->directives . 'access_log off;',
    server => "listen 127.0.0.1:$tls ssl;");
my $nginx = $stream->nginx;

my %found;

for ($stream->output('soak.mjs', soak => \%soak, h1 => $nginx->port,
                     h1s => $tls, ca => $certificate->path))
{
    if (!/^\{/) {
        diag($_);
        next;
    }

    my $line = json_decode($_);
    $found{$line->{what} . ($line->{secure} ? '-tls' : '')} = $line;
}

table('reloads', 'connects') if $long;

flat("$soak{reloads} reloads", $found{reloads});
flat("$soak{connects} connections", $found{connects});

my $readers = $found{readers} // {};
diag("$readers->{n} readers, $readers->{messages} messages, "
     . "$readers->{opened} streams opened, slowest reload "
     . "$found{reloads}{slowest} ms") if $long;
is($readers->{wrong}, 0, 'each reader had every message once, in order');
cmp_ok($readers->{opened} // 0, '>', $soak{readers} * $soak{reloads} / 2,
       'and has resumed again and again');

for my $name ($sanitized ? () : ('idle', 'idle-tls')) {
    my $bytes = ($found{$name} // {})->{bytes} // 1e9;

    diag("$name WebSocket: $bytes bytes of a worker's memory") if $long;
    cmp_ok($bytes, '<=', ($name eq 'idle' ? 1229 : 16384) + ($long ? 0 : 4096),
           "an $name WebSocket is small");
}

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();


sub flat {
    my ($name, $line) = @_;

    my ($before, $after) = @{$line // {}}{qw(before after)};

    ok($before && $after, "$name: measured") or return;

    for my $field ('shared', $sanitized ? () : ('memory', 'master')) {
        cmp_ok($after->{$field}, '<=',
               $before->{$field} * (1 + $percent / 100) + $slack,
               "$name: $field is what it was");
    }

    for my $field (qw(fds master_fds)) {
        cmp_ok($after->{$field}, '<=',
               $before->{$field} + $soak{readers} * 0.05,
               "$name: $field are what they were");
    }

    is($after->{workers}, $before->{workers}, "$name: workers");
}


sub table {
    my @rows = (['', 'before', 'after']);

    for my $what (@_) {
        my $line = $found{$what} or next;

        push @rows, ["$line->{n} $what", '', ''];

        for (['workers, KiB', 'memory'], ['workers, descriptors', 'fds'],
             ['master, KiB', 'master'],
             ['master, descriptors', 'master_fds'],
             ['shared memory, KiB', 'shared'])
        {
            my ($label, $field) = @$_;
            push @rows, ["  $label",
                         map { $line->{$_}{$field} } 'before', 'after'];
        }
    }

    diag(sprintf '%-26s %10s %10s', @$_) for @rows;
}
