# R7, R9.  The life of a WebSocket: pings, deadlines, slow readers, reload.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time sleep);
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Sender;
use ChatTest::WebSocket;

my $drain = 3;
my $nginx = ChatTest::Nginx->new(workers => 2, http =>
    "chat_drain ${drain}s;", location => 'chat_heartbeat 2s;')->start;

sub ws { return ChatTest::WebSocket->new(port => $nginx->port, @_) }

sub is_like {
    my ($got, $want, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(contains($got, $want), undef, $name) or diag(explain($got));
}

# While one is waited for, the other one answers its pings.

sub closed {
    my ($ws) = @_;
    wait_until { $_->poll for $ws, our $Vera; $ws->{eof} };
    return $ws->closed;
}

my $true = JSON::PP::true;
my $began = time;


# These are looked at when their time has come.

my $mute = ws();
my $deaf = ws(visitor => 'deaf', pong => 0);
my $talk = conversation('vera', 'hello');
my $vera = our $Vera = ws(visitor => 'vera');
my $old = ws(token => visitor_token('olga', age => 30 * 86400 - 6));
my $session = ws(token => agent_token('sven', expires => '6 seconds',
                                  ends => '6 seconds'));

is_like($vera->ask(type => 'subscribe', conversation => $talk),
        {type => 'subscribed', next => cursor(1)}, 'subscribed');
is_like($vera->next('heartbeat'), {heads => {$talk => cursor(1)}},
        'a heartbeat has the heads');
ok($vera->{pings}, 'with a ping');

ok((wait_until { $vera->poll; $vera->{pings} >= 3 }),
   'pings go on while they are answered');

is(closed($old), 4004, 'a token that expires closes with 4004');
cmp_ok(time - $began, '>', 5, 'not before');
is(closed($session), 4004, 'and so does the session of an agent');
is(closed($mute), 4408, 'no hello closes with 4408');
cmp_ok(time - $began, '>', 9.5, 'after ten seconds');
cmp_ok(time - $began, '<', 40, 'or little more');
is(closed($deaf), 4003, 'no pong closes with 4003');
ok($deaf->{pings}, 'after a ping');
$vera->poll;
ok(!$vera->{eof}, 'one that answers stays');


# A slow reader is put into lag mode, and has everything in the end.

my $long = 'x' x 12000;
my $busy = conversation('vera', 'hello');
my $slow = ws(agent => 'dana', rcvbuf => 4096);
$slow->ask(type => 'subscribe', conversation => $busy);

my $sender = ws(visitor => 'vera');
my $n = 800;
my $sent = 0;

for my $i (1 .. $n) {
    $sender->send(type => 'send', conversation => $busy, text => $long,
                  client_msg_id => "s-$i");
    $sent++ while $i - $sent > 40 && $sender->next('sent');
}

$sent++ while $sent < $n && $sender->next('sent');
is($sent, $n, 'messages are sent while one reads nothing');
ok((wait_until { grep { /websocket reads slowly/ } $nginx->log_lines }),
   'which nginx notices');

my @seqs;

while (@seqs < $n && (my $message = $slow->next)) {
    push @seqs, $message->{seq} if $message->{type} eq 'message';
    push @seqs, map { $_->{seq} } @{$message->{events}}
        if $message->{type} eq 'events';
}

is_deeply(\@seqs, [2 .. $n + 1], 'the slow one has each message, in order');


# Pages follow as they are read.

my $reader = ws(agent => 'dana');
my $first = $reader->ask(type => 'subscribe', conversation => $busy,
                         since => cursor(0));
is_like($first, {type => 'subscribed', more => $true}, 'a first page');
@seqs = map { $_->{seq} } @{$first->{events}};

while ($first->{more} && (my $page = $reader->next('events'))) {
    push @seqs, map { $_->{seq} } @{$page->{events}};
    $first = $page;
}

is_deeply(\@seqs, [1 .. $n + 1], 'and what follows');
message($busy, 'visitor vera', 'last');
is_like(scalar $reader->next('message'), {seq => $n + 2}, 'then live events');


# Reload: each is told when to come back, hears everything until then, and
# resumes where it was.

my @clients = map {
    my $ws = ws(visitor => 'vera');
    $ws->ask(type => 'subscribe', conversation => $talk);
    $ws;
} 1 .. 20;

my $speaker = ChatTest::Sender->new(nginx => $nginx, visitor => 'vera',
                                    conversation => $talk, pause => 0.02);
my (@seen, @codes, @byes);

sub read_on {
    for my $i (0 .. $#clients) {
        my $ws = $clients[$i];
        $ws->poll;

        while (my $m = shift @{$ws->{messages}}) {
            push @{$seen[$i]}, $m->{seq} if $m->{type} eq 'message';
            push @{$seen[$i]}, map { $_->{seq} } @{$m->{events}}
                if $m->{type} =~ /^(?:subscribed|events)\z/;
            push @byes, $m if $m->{type} eq 'bye';
        }

        next unless $ws->{eof};

        push @codes, $ws->{code} // 1006;
        $clients[$i] = ws(visitor => 'vera');
        $clients[$i]->send(type => 'subscribe', conversation => $talk,
            since => cursor($seen[$i] ? $seen[$i][-1] : 1));
    }
}

sub acknowledged { return scalar keys %{$speaker->{acknowledged}} }

sub run_until(&$) {
    my ($condition, $seconds) = @_;
    return ChatTest::Sender->run([$speaker],
                                 sub { read_on(); $condition->() }, $seconds);
}

ok((run_until { acknowledged() > 20 } 60), 'messages flow');

my @old = $nginx->worker_pids('all');
$nginx->signal('HUP');
$began = time;

ok((run_until { !grep { ChatTest::Nginx::alive($_) } @old } $drain + 20),
   'the old workers go');
cmp_ok(time - $began, '<', $drain + 15, 'in time');
run_until { 0 } 0.5;
is_deeply([sort { $a <=> $b } @codes], [(1012) x 20],
          'each has been closed with 1012');
is(scalar(grep { $_->{code} == 1012 && $_->{after_ms} > 0 } @byes), 20,
   'after a bye');
ok((run_until { acknowledged() > 100 } 60), 'messages go on');
ChatTest::Sender->finish([$speaker], 60);

my $last = acknowledged() + 1;
wait_until { read_on(); !grep { ($_->[-1] // 0) < $last } @seen };
is(scalar(grep { join(' ', @$_) ne join(' ', 2 .. $last) } @seen), 0,
   'everybody has seen each message once, in order');


# PostgreSQL's side: quit without a client to wait for.

$_->abort for @clients;
$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
