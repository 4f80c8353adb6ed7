# The benchmark's pieces, without any figure.  The load generator: what it says
# of a server that loses, doubles and swaps messages is what that server has
# done, over each transport.  Rounds, medians, goals, tables, and stores that
# are kept.

use strict;
use warnings;

use Digest::SHA qw(sha1_base64);
use FindBin;
use IO::Select ();
use IO::Socket::INET ();
use JSON::PP ();
use Test::More;
use ChatTest;
use lib "$FindBin::Bin/bench/lib";
use Bench;
use Bench::Callgrind;
use Bench::Load;
use Bench::Report;
use Bench::Stat;
use Bench::Store;
use Bench::Tell;

my $program = "$ENV{CHAT_BUILD}/bench/load";
my $channels = 4;

# what is run below is not made by the runner of tests
-x or die "$_ is missing: \"make test T=t/bench.t\" builds it\n"
    for $program, "$ENV{CHAT_BUILD}/bench/hop";


# A server of its own, for one run: of every ten messages of a channel the
# third is lost, the fifth comes twice, and the seventh after the eighth, if
# it is a bad one.  Frames are cut in two, with a ping between.

sub server {
    my ($bad) = @_;

    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                       Listen => 64) or die "listen: $!\n";
    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        serve($listen, $bad);
        exit 0;
    }

    return ($pid, $listen->sockport);
}

sub serve {
    my ($listen, $bad) = @_;

    my $select = IO::Select->new($listen);
    my (%in, %room, %held);

    while (1) {
        for my $socket ($select->can_read) {
            if ($socket == $listen) {
                my $new = $listen->accept or next;
                $new->autoflush(1);
                $select->add($new);
                $in{$new} = '';
                next;
            }

            if (!sysread $socket, $in{$socket}, 65536, length $in{$socket}) {
                $select->remove($socket);
                delete $room{$_}{$socket} for keys %room;
                close $socket;
                next;
            }

            while ($in{$socket} =~ s{\A(GET|POST)\ /(\w+)/(\d+)\ .*?\r\n\r\n}
                                    {}xs)
            {
                my ($method, $what, $c, $head) = ($1, $2, $3, $&);

                if ($method eq 'POST') {
                    my ($length) = $head =~ /Content-Length: (\d+)/;
                    sysread $socket, $in{$socket}, 65536,
                            length $in{$socket}
                        while length $in{$socket} < $length;
                    my $body = substr $in{$socket}, 0, $length, '';

                    # the one time that it does not answer at once
                    select undef, undef, undef, 0.5
                        if $what eq 'slow' && $body =~ /#20 /;

                    publish($room{$c} //= {}, $held{$c} //= {}, $body, $bad);
                    print $socket "HTTP/1.1 201 Created\r\n"
                                  . "Content-Length: 2\r\n\r\nok";
                    next;
                }

                print $socket hello($what, $head);
                $room{$c}{$socket} = [$socket, $what] unless $what eq 'idle';
            }
        }
    }
}

sub hello {
    my ($what, $head) = @_;

    return "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"
        if $what eq 'none';
    return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        if $what eq 'idle';
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
           . "7\r\n: hi\n\n\r\n" if $what eq 'sse';
    return '' if $what eq 'poll';

    my ($key) = $head =~ /Sec-WebSocket-Key: (\S+)/;

    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
           . 'Sec-WebSocket-Accept: '
           . sha1_base64("${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
           . "=\r\n\r\n" . frame(0x81, 'welcome');
}

sub frame {
    my ($first, $text) = @_;

    my $n = length $text;

    return pack('CC', $first, $n) . $text if $n < 126;
    return pack('CCn', $first, 126, $n) . $text;
}

sub publish {
    my ($room, $held, $text, $bad) = @_;

    my $n = $bad && $text =~ /#(\d+)/ ? $1 % 10 : 0;
    my @texts = ($text);

    return if $n == 3;
    return $held->{text} = $text if $n == 7;

    push @texts, $text if $n == 5;
    push @texts, delete $held->{text} if $n == 8 && exists $held->{text};

    for my $message (@texts) {
        for my $one (values %$room) {
            my ($socket, $what) = @$one;

            if ($what eq 'sse') {
                my $event = "id: 1\ndata: $message\n\n";
                print $socket sprintf "%x\r\n%s\r\n", length $_, $_
                    for substr($event, 0, 9), substr($event, 9);

            } elsif ($what eq 'ws') {
                my $half = int(length($message) / 2);
                print $socket frame(0x01, substr $message, 0, $half),
                              frame(0x89, 'ping'),
                              frame(0x80, substr $message, $half);
            }
        }
    }
}


sub load {
    my ($bad, @args) = @_;

    my ($pid, $port) = server($bad);
    my @command = map { s/PORT/$port/r } $program, @args;

    open my $in, '-|', @command or die "$program: $!\n";
    my $out = do { local $/; <$in> };
    close $in;
    my $status = $? >> 8;

    kill 'KILL', $pid;
    waitpid $pid, 0;

    return (JSON::PP::decode_json($out), $status);
}

sub traffic {
    my ($bad, $mode, $n, @more) = @_;

    return load($bad, '--sub-url', "http://127.0.0.1:PORT/$mode/{c}",
        '--sub-mode', $mode, '--subs', $channels, '--channels', $channels,
        '--pub-url', 'http://127.0.0.1:PORT/pub/{c}', '--pubs', 1,
        '--messages', $n, '--warmup', 0, '--duration', 30, '--drain',
        $bad ? 2 : 30, @more);
}


for my $mode ('ws', 'sse') {
    my ($good) = traffic(0, $mode, 400);
    my $d = $good->{deliver};

    is($good->{pub}{acked}, 400, "$mode: everything is acknowledged");
    is($d->{unique}, 400, 'everything is delivered');
    is_deeply([@$d{qw(lost dup out_of_order foreign)}], [0, 0, 0, 0],
              'nothing is wrong');
    is($d->{latency_us}{n}, 400, 'each has a latency');
    cmp_ok($d->{latency_us}{p50}, '<=', $d->{latency_us}{p99},
           'percentiles are in order');

    # each of 4 channels gets the numbers 1 to 100

    my ($bad) = traffic(1, $mode, 400);
    $d = $bad->{deliver};

    is($d->{lost}, 40, "$mode: what is lost is found");
    is($d->{dup}, 40, 'what comes twice is found');
    is($d->{out_of_order}, 40, 'what comes in another order is found');
}


# What waits for an answer, two subscribers a channel, another process.

my ($ready) = load(0, '--sub-url', 'http://127.0.0.1:PORT/ws/{c}',
    '--sub-ready', 'welcome', '--subs', 8, '--channels', $channels,
    '--procs', 2, '--pub-url', 'http://127.0.0.1:PORT/pub/{c}', '--pubs', 2,
    '--messages', 100, '--warmup', 0, '--duration', 30, '--drain', 30);

is($ready->{subs}{open}, 8, 'subscribers of two processes are told');
is($ready->{deliver}{unique}, 200, 'each subscriber counts');

my ($never, $status) = load(0, '--sub-url', 'http://127.0.0.1:PORT/none/{c}',
    '--subs', 1, '--connect-rate', 100);

is($status, 1, 'a server that does not shake hands is an error');
is($never->{subs}{failed}, 1, 'and told');


# A server that is slow for a while: with a rate, messages have the time when
# they were due, so that all of that while is in their latencies.

my ($open) = load(0, '--sub-url', 'http://127.0.0.1:PORT/ws/{c}',
    '--subs', 1, '--pub-url', 'http://127.0.0.1:PORT/slow/{c}', '--pubs', 1,
    '--rate', 100, '--warmup', 0, '--duration', 1, '--drain', 30,
    '--on-ready', 'true');

cmp_ok($open->{pub}{acked}, '>', 50, 'an open loop publishes at its rate');
cmp_ok($open->{pub}{acked}, '<=', 101, 'and not above');
is($open->{deliver}{lost}, 0, 'nothing is lost');
cmp_ok($open->{deliver}{latency_us}{p90}, '>', 200_000,
       'what was due while the server was away counts as late');


# A reader that pauses gets everything later.  One that is put aside must get
# it too, but what it gets is neither timed nor counted.

my @pause = ('--sub-pause', 0.5);
my @late = ('--pub-url', 'http://127.0.0.1:PORT/pub/{c}', '--pubs', 1,
            '--rate', 100, '--warmup', 0, '--duration', 1, '--drain', 30);

my ($pause) = load(0, '--sub-url', 'http://127.0.0.1:PORT/ws/{c}', '--subs',
                   1, @pause, @late);

is($pause->{deliver}{lost}, 0, 'a paused reader misses nothing');
cmp_ok($pause->{deliver}{latency_us}{max}, '>', 300_000,
       'but has it later');

my ($aside) = load(0, '--sub-url', 'http://127.0.0.1:PORT/ws/{c}', '--subs',
                   1, '--sub-url', 'http://127.0.0.1:PORT/ws/{c}', '--subs',
                   2, '--sub-aside', @pause, @late);

is($aside->{deliver}{lost}, 0, 'nor does one that is put aside');
is($aside->{deliver}{unique}, 3 * $aside->{pub}{acked},
   'what it gets is accounted for');
cmp_ok($aside->{deliver}{latency_us}{n}, '<=', $aside->{pub}{acked},
       'and not timed');


# A hop over Redis: PUBLISH on one connection, the message on another one.

my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 4);
my $redis = fork // die "fork: $!\n";

if ($redis == 0) {
    # an accepted socket in a list would come with its address
    my @clients = map { scalar $listen->accept } 1, 2;

    $_->autoflush(1) for @clients;
    sysread $clients[1], my $command, 65536;
    print {$clients[1]} "*3\r\n\$9\r\nsubscribe\r\n\$3\r\nhop\r\n:1\r\n";

    while (sysread $clients[0], $command, 65536) {
        my ($payload) = $command =~ /(\$\d+\r\nx+\r\n)\z/ or last;
        print {$clients[1]} "*3\r\n\$7\r\nmessage\r\n\$3\r\nhop\r\n$payload";
        print {$clients[0]} ":1\r\n";
    }

    exit 0;
}

my $hop = JSON::PP::decode_json(
    `$ENV{CHAT_BUILD}/bench/hop ${\$listen->sockport} 200 0.2`);

waitpid $redis, 0;
is($?, 0, 'a hop is a PUBLISH');
cmp_ok($hop->{n}, '>', 0, 'one after the other');
cmp_ok($hop->{p50_ms}, '<=', $hop->{p99_ms}, 'percentiles are in order');


# Figures.

is_deeply(Bench::Stat::of(3, undef, 1, 2), {median => 2, min => 1, max => 3,
                                            n => 3}, 'a median');
is(Bench::Stat::of(1, 2, 3, 10)->{median}, 2.5, 'a median of four');
is(Bench::Stat::of(undef), undef, 'a median of nothing');
is(Bench::Stat::quantile(0.5, 1 .. 100), 50, 'half of all');
is(Bench::Stat::quantile(0.99, 1 .. 100), 99, 'nearly all');
is(Bench::Stat::quantile(0, 1, 3), 2, 'the mean');
is(sprintf('%.3f', Bench::Stat::exponent(map { [$_, 5 * $_ ** 2] }
                                             10, 100, 1000)), '2.000',
   'an exponent');
is(Bench::Stat::exponent([10, 1]), undef, 'no exponent of one size');
is(Bench::Stat::short(1234567.8), '1,234,568', 'a large number');
is(Bench::Stat::short(0.1234), '0.123', 'a small one');
ok(Bench::Stat::keeps(1.3, '<= 1.3') && !Bench::Stat::keeps(0.89, '>= 0.9'),
   'goals');

# the second round was slow for both of them
is_deeply(
    Bench::Stat::ratio([{round => 1, n => 10}, {round => 2, n => 2}], 'n',
                       [{round => 2, n => 1}, {round => 1, n => 4}], 'n'),
    {median => 2.25, min => 2, max => 2.5, n => 2},
    'a ratio is that of each round');


# Rounds: each begins with another variant, what is void is made again, what
# was done is kept when it is cut short.

sub bench {
    my (%opt) = @_;

    return Bench->new(build => build_dir('bench-pieces'), quiet => 1,
                      rounds => 3, seconds => 1, %opt);
}

sub definition {
    my ($measure, $tell) = @_;

    return {name => 'T', title => 'a test', goal => 'none', size => {n =>
            [1, 10]}, cost => {start => 1, runs => 2, each => 1},
            measure => $measure, tell => $tell // sub { }};
}

sub kept {
    my ($bench) = @_;

    return JSON::PP::decode_json(Bench::read_file($bench->dir
                                                  . '/raw/T.json'));
}

my @ran;
my $bench = bench();
my $measured = $bench->measure({}, definition(sub {
    my ($bench, $size) = @_;

    $bench->alternate('g', map { my $name = $_; [$name => sub {
        push @ran, $name;
        return {n => $size->{n}, $name eq 'b' && @ran == 2
                ? (void => ['lost 1']) : ()};
    }] } 'a', 'b');
}));

ok($measured, 'a row is measured');
is("@ran", 'a b b b a a b', 'rounds alternate, a void run is made again');

my $group = kept($bench)->{groups}{g};

is($group->{complete}, 3, 'all rounds are kept');
is_deeply($group->{voids}, ['b, round 1: lost 1'], 'and what was void');
is(scalar grep({ $_->{n} == 10 } @{$group->{runs}}), 7,
   'of the sizes of a full run');

@ran = ();
$bench = bench(cleanup => sub { push @ran, 'cleanup' });
$measured = $bench->measure({}, (definition(sub {
    my ($bench) = @_;

    $bench->alternate('g', map { [$_ => sub {
        $bench->interrupt if push(@ran, 'run') == 4;
        return {n => 7};
    }] } 'a', 'b');
}, sub {
    my ($tell) = @_;

    push @ran, $tell->stat('g', 'a', 'n')->{n}, 'told';
})) x 2);

ok(!$measured, 'a row that is interrupted is not measured');
is("@ran", 'run run run run cleanup 1 told',
   'but told of, as far as rounds were finished, and nothing comes after');
is(scalar @{kept($bench)->{groups}{g}{runs}}, 3, 'what was done is kept');

@ran = ();
$bench = bench(limit => 0.001);
select undef, undef, undef, 0.01;
ok(!$bench->measure({}, definition(sub { push @ran, 'run' })),
   'without any time left');
is("@ran", '', 'a row does not begin');

@ran = ();
$bench = bench();
$bench->measure({}, definition(sub {
    my ($bench) = @_;

    $bench->{until} = 0;
    $bench->alternate('g', [a => sub { push @ran, 'run'; return {} }]);
}));
is("@ran", 'run', 'there is one round when the time of a row is over');
like(kept($bench)->{notes}[0], qr/1 of 3 rounds/, 'which is told');


# Goals, and what is written of them.

my $row = {
    name => 'T', title => 'a test', goal => 'none', notes => [], rounds => 3,
    run => 1, date => '2000-01-01', machine => {commit => 'abc'},
    groups => {g => {order => ['we', 'they'], complete => 2, voids => [],
        runs => [(map {
            ({variant => 'we', round => $_, n => 80 + $_, limit => 'server'},
             {variant => 'they', round => $_, n => 100,
              limit => 'generator'})
        } 1, 2, 3), {variant => 'we', round => 1, n => 1,
                     void => ['lost 1']}]}},
};
my $tell = Bench::Tell->new($row);
my @pair = (ours => ['g', 'we', 'n'], peer => ['g', 'they', 'n']);

$tell->goal('reached', @pair, want => '>= 0.8');
$tell->goal('least', @pair, want => '>= 1', least => '>= 0.6');
$tell->goal('missed', @pair, want => '<= 0.5');
$tell->goal('by itself', @pair, want => '<= 90', judge => 'ours');
$tell->goal('inverse', @pair, over => 'peer');
$tell->goal('nothing', ours => ['g', 'nobody', 'n'], want => '<= 1');
$tell->table('a table', 'g', undef, ['n', 'n'], ['nothing', 'm']);
$tell->growth('n', undef, [1, 'g', 'we', 'n'], [2, 'g', 'they', 'n']);

my @goals = @{$row->{told}{goals}};

is(join(', ', map { $_->{verdict} } @goals), 'reached, above the least, '
   . 'not reached, reached, , not measured', 'verdicts');
is($goals[0]{ours}{median}, 81.5,
   'of runs that count, in rounds that were finished');
cmp_ok($goals[4]{ratio}{median}, '>', 1, 'a ratio the other way');
is_deeply($goals[0]{limited}, ['peer'], 'it is told who was busy');
is_deeply($row->{told}{tables}[0]{lines}[0], ['', 'n'],
          'a column without anything is left out');

my $doc = "a\n<!-- bench: goals -->\nold\n<!-- /bench -->\nb\n"
          . "<!-- bench: T -->\n<!-- /bench -->\n"
          . "<!-- bench: U -->\nold\n<!-- /bench -->\nc\n";
my $filled = Bench::Report::fill($doc, $row);

like($filled, qr/^a\n.*^b\n.*^c\n\z/ms, 'what is not in a block stays');
unlike($filled, qr/old/, 'what was in a block goes');
like($filled, qr/^\| T \| reached \| 81\.5 \(81\.0-82\.0\) \| they \| 100 \(/m,
     'a line of a goal');
like($filled, qr/^\| --- \| --- \| ---: \| --- \| ---: \| ---: \| --- \|/m,
     'with its numbers to the right');
like($filled, qr/\\\* The generator was what was busy/, 'and its star');
like($filled, qr/bench: U -->\n\nNot measured\.\n/,
     'a row that was not measured');
is(Bench::Report::fill($filled, $row), $filled, 'twice is once');


# Each row can be told of when nothing was measured, and all of them fit.

my $rows = "$FindBin::Bin/bench/rows";
my @definitions = Bench::definitions($rows);
my %orders = map { $_->{order} => 1 } @definitions;
my $total = 0;

is(scalar keys %orders, @definitions, 'each row has a place of its own');
is($definitions[0]{name}, 'P2', 'the first is P2');

for my $definition (@definitions) {
    my $one = bench(rounds => 5, seconds => 1.5);

    $one->{machine} = {};
    $total += $one->estimate($definition) unless $definition->{extra};

    my $empty = $one->row($definition);
    my $told = Bench::Tell->new($empty);

    ok(eval { $definition->{tell}->($told, $empty->{size}); 1 },
       "$definition->{name} can be told of when nothing was measured")
        or diag $@;
    is(scalar(grep { $_->{verdict} !~ /^(?:not measured)?\z/ }
              @{$empty->{told}{goals}}), 0, 'no verdict without a figure');
}

cmp_ok($total, '<=', 1620, 'five rounds of everything take 27 minutes');

my $five = bench(rounds => 5, seconds => 1.5);
my %runs = (runs => 2, steady => 2, fewer => 2, once => 2);

is($five->estimate({cost => {start => 7, each => 0.5, %runs}}),
   7 + (10 + 6 + 4 + 2) * 2, 'runs take their time, and that of all');
is($five->estimate({cost => {start => 7, each => 0.5, fixed => 1, %runs}}),
   7 + (10 + 6 + 4 + 2) * 0.5, 'or theirs alone');
is(bench(rounds => 2)->steady, 2, 'there are no more rounds than asked for');


# What an agent waits for is judged by the share that is nearly all, and what
# must not be by the worst there was in a round.

my ($console) = grep { $_->{name} eq 'C' } @definitions;
my $desk = $bench->row($console);
my ($first, $whole) = ('first page', 'whole list');

$desk->{groups} = {
    'sign-in' => {order => ['console'], complete => 3, voids => [], runs =>
        [map { {variant => 'console', round => $_, list_ms => 400 * $_} }
             1 .. 3]},
    desk => {order => [$first, $whole], complete => 1, voids => [], runs => [
        {variant => $first, round => 1, turn_p95 => 99, turn_max => 400,
         log_p95 => 49, list_p95 => 51},
        {variant => $whole, round => 1, turn_p95 => 101, log_p95 => 50,
         list_p95 => 20, rows => 200, scrolling_ms => 50.1,
         filling_ms => 12}]},
};
$console->{tell}->(Bench::Tell->new($desk), $desk->{size});
is(join(', ', map { $_->{verdict} } @{$desk->{told}{goals}}),
   join(', ', ('reached') x 3, 'not reached', 'not reached',
        ('reached') x 3, 'not reached', 'reached'),
   'goals of the console');


# Plots.

my $svg = Bench::Plot::svg(title => 'a < b & c', x => 'x', y => 'y', lines =>
    {chat => [[1, 10], [2, 20]], none => []});
my @open = $svg =~ /<(\w+)[^>]*[^\/]>/g;
my @shut = $svg =~ /<\/(\w+)>/g;

is("@{[sort @open]}", "@{[sort @shut]}", 'a plot is XML');
like($svg, qr/a &lt; b &amp; c/, 'with its text quoted');
is(() = $svg =~ /<polyline/g, 1, 'and a line for what has points');
is(Bench::Plot::svg(title => '', lines => {none => []}), undef,
   'no plot of nothing');


# Runs: why one does not count, and who was busy.

sub result {
    my (%set) = @_;

    my $r = {window_s => 1, deliver => {lost => 0, dup => 0, out_of_order =>
                                        0},
             pub => {failed => 0, sent => 1, per_s => 100},
             subs => {closed => 0},
             cpu => {generator_max => 0.5, machine => 1.9}};

    for my $path (keys %set) {
        my ($part, $name) = split /\./, $path;
        $r->{$part}{$name} = $set{$path};
    }

    return $r;
}

is_deeply(Bench::Load::void(result()), [], 'a good run');
is(scalar @{Bench::Load::void(result($_ => 1))}, 1, "$_ makes it void")
    for 'deliver.lost', 'deliver.dup', 'deliver.out_of_order', 'pub.failed',
        'subs.closed';
is(Bench::Load::limit(result(), undef, 2), 'server', 'the server was busy');
is(Bench::Load::limit(result('cpu.generator_max' => 0.99), undef, 2),
   'generator', 'the generator was');
is(Bench::Load::limit(result('cpu.machine' => 1.2), undef, 2), 'nobody',
   'nobody was');
is(Bench::Load::limit(result(), 100, 2), 'rate', 'the rate was kept');
is(Bench::Load::limit(result(), 200, 2), 'behind', 'it was not');


# Instructions by layer: what a function has called is not its own.

my $callgrind = build_dir('bench-pieces') . '/callgrind.out';

Bench::write_file($callgrind, <<'_OUT_');
events: Ir
ob=/x/ngx_http_chat_module.so
fn=ngx_http_chat_ws_read
12 100
calls=1 20
12 5000
+3 10
fn=ngx_http_chat_pg_send
20 7
fn=redisReaderFeed
9 3
ob=/usr/sbin/nginx
fn=ngx_epoll_process_events
5 40
ob=/lib/libjansson.so.4
fn=json_loads
7 2
_OUT_

is_deeply(Bench::Callgrind::layers($callgrind),
    {transport => 110, pg => 7, hiredis => 3, nginx => 40, libjansson => 2},
    'instructions of each layer');


# A store that is kept gets what migrations are new, and is made anew only
# when an old one is another.

{
    package Store;

    our @ISA = ('Bench::Store');
    our @more;

    sub migrations { return ($_[0]->SUPER::migrations, @more) }
}

my $more = build_dir('bench-pieces') . '/9999_more.sql';
my $store = Store->new(bench())->start;
my $name = $store->seeded(400);
my $count = sub { $store->sql($name, "SELECT $_[0]") };

is($count->('count(*) FROM chat.event'), 400, 'a store is seeded');
$store->sql($name, 'CREATE TABLE mine ()');

Bench::write_file($more, 'CREATE TABLE chat.more ();');
@Store::more = ($more);
$store->seeded(400);
is($count->("to_regclass('chat.more') IS NOT NULL, "
            . "to_regclass('mine') IS NOT NULL"), 't|t',
   'a new migration is applied to it');

Bench::write_file($more, 'CREATE TABLE chat.more (n int);');
$store->seeded(400);
is($count->("count(*), to_regclass('mine') IS NULL FROM chat.event"),
   '400|t', 'an old one that has changed makes it new');
$store->stop;

done_testing();
