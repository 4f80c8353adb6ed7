package ChatTest::Faults::Memory;

# Allocations that fail: of everything that a worker does, the first, the
# second and so on, until there is none more.

use strict;
use warnings;

use Test::More;
use ChatTest ();
use ChatTest::Nginx ();
use ChatTest::WebSocket ();
use ChatTest::World ();

my $most = 400;


sub faults {
    return (
        {id => 'F19', name => 'allocations fail, each one of everything',
         run => \&run},
    );
}


# Each op is given a client of a visitor, one of an agent, a conversation and
# a number.  Whatever the answer is, or if there is none, is right.

my @ops = (
    ['session', sub {
        $_[0]->post('/support/v1/session', {mode => 'bearer'}, token => undef);
    }],
    ['begin', sub {
        $_[0]->post('/support/v1/conversations',
                    {client_msg_id => "b-$_[3]", text => 'hello'});
    }],
    ['send', sub {
        $_[0]->post("$_[2]/messages",
                    {client_msg_id => "s-$_[3]", text => 'hello'});
    }],
    ['note', sub {
        $_[1]->post("$_[2]/messages", {client_msg_id => "n-$_[3]",
                    text => 'hello', visibility => 'internal'});
    }],
    ['change', sub { $_[1]->patch($_[2], {status => $_[3] % 2
                                          ? 'pending' : 'open'}) }],
    ['events', sub { $_[0]->get("$_[2]/events") }],
    ['state', sub { $_[0]->get($_[2]) }],
    ['list', sub { $_[1]->get('/support/v1/conversations?status=open') }],
    ['read', sub { $_[1]->post("$_[2]/read", {seq => $_[3]}) }],
    ['typing', sub { $_[0]->post("$_[2]/typing", {on => \1}) }],
    ['ticket', sub { $_[0]->post('/support/v1/ticket') }],
    ['poll', sub { $_[0]->get(stream($_[2]) . '&wait=0') }],
    ['inbox', sub { $_[1]->get('/support/v1/stream?inbox=&wait=0') }],
    ['events as they come', \&events],
    ['websocket', \&websocket],
    ['page', sub { $_[0]->get('/support/w.js') }],
    ['console', sub { $_[0]->get('/support/console/') }],
    ['numbers', sub { $_[0]->get('/status') }],
);


sub stream {
    my ($path) = @_;
    my ($id) = $path =~ /([^\/]+)\z/;

    return "/support/v1/stream?conversation=$id";
}


# A stream that begins, gets a message, and ends.

sub events {
    my ($visitor, $agent, $path, $n) = @_;

    my $call = $visitor->start('GET', stream($path),
                               headers => ['Accept: text/event-stream']);

    $agent->post("$path/messages", {client_msg_id => "e-$n", text => 'hi'});
    ChatTest::wait_until {
        $call->poll || $call->{bytes} =~ /^event: message/m
                    || $call->{bytes} =~ /e-$n/
    } 3;
    $call->abort;
}


sub websocket {
    my ($visitor, $agent, $path, $n) = @_;

    my ($id) = $path =~ /([^\/]+)\z/;
    my $ws = eval { ChatTest::WebSocket->new(
        port => $visitor->{port}, token => $visitor->{token}) };

    return if !$ws || ($ws->status // 0) != 101;

    $ws->send(type => 'subscribe', ref => 1, conversation => $id);
    $ws->send(type => 'subscribe', ref => 2,
              conversation => ChatTest::uuid('none'));
    $ws->send(type => 'typing', conversation => $id, on => \1);
    $ws->send(type => 'send', ref => 3, conversation => $id,
              client_msg_id => "w-$n", text => 'shalom');
    $ws->next(undef, 3) || last for 1 .. 4;
    $ws->send_frame('', opcode => 'close');
    ChatTest::wait_until { $ws->poll; $ws->{eof} } 3;
}


sub run {
    my ($class, $fault) = @_;

    my $dir = ChatTest::build_dir('faults');
    my $file = "$dir/oom.$$";

    write_file($file, 0, 0, 0, 0);

    my $world = ChatTest::World->new('memory', workers => 1, env => {
        LD_PRELOAD => "$ENV{CHAT_BUILD}/faults/oom.so", FAULT_OOM => $file,
    });
    my $nginx = $world->nginx;
    my ($visitor, $path) = visitor($nginx);
    my $agent = $nginx->client(token => $world->sites->[0]{agents}[0]{token});
    my ($count, %crashed) = (0);

    for my $op (@ops) {
        my ($name, $act) = @$op;

        for my $k (1 .. $most) {
            my ($worker) = ready($nginx, "before $name, $k");

            write_file($file, $k, 0, 0, $worker);
            eval { $act->($visitor, $agent, $path, ++$count) };

            my ($left) = read_file($file);

            write_file($file, 0, 0, 0, 0);
            push @{$crashed{$name}}, $k
                if !ChatTest::Nginx::alive($worker);

            if ($left > 0) {
                note("$name: ", $k - 1, ' allocations');
                last;
            }
        }
    }

    ready($nginx, 'at the end');
    is_deeply(\%crashed, {}, 'no worker has died');
    is($visitor->post("$path/messages", {client_msg_id => 'last',
                                         text => 'still here'})->status, 201,
       'all is as before');
    is(join('', $world->alarms(qr/failed \(12: |Cannot allocate/)), '',
       'nothing else alarming in the log');
    $world->stop;

    return {times => $count, verdict => %crashed ? 'wrong' : 'holds'};
}


sub visitor {
    my ($nginx) = @_;

    my $token = $nginx->client->post('/support/v1/session',
                                     {mode => 'bearer'})->json->{token};
    my $visitor = $nginx->client(token => $token);
    my $id = $visitor->post('/support/v1/conversations',
        {client_msg_id => 'first', text => 'hello'})->json->{id};

    return ($visitor, "/support/v1/conversations/$id");
}


sub ready {
    my ($nginx, $when) = @_;

    ChatTest::wait_until {
        my $answer = eval { $nginx->client->get('/support/v1/ready') };
        $answer && $answer->status == 200;
    } 30 or die "not ready $when:\n" . $nginx->tail;

    return $nginx->worker_pids;
}


sub write_file {
    my ($file, @numbers) = @_;

    open my $out, -e $file ? '+<' : '>', $file or die "$file: $!\n";
    syswrite $out, pack 'l4', @numbers;
}

sub read_file {
    my ($file) = @_;

    open my $in, '<', $file or die "$file: $!\n";
    sysread $in, my $bytes, 16;
    return unpack 'l4', $bytes;
}


1;
