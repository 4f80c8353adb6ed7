# R7.  Reload while polls wait and messages flow: polls are answered, nothing
# is lost, the old workers go.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time sleep);
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Sender;

my $drain = 4;
my $nginx = ChatTest::Nginx->new(workers => 2, http => "chat_drain ${drain}s;")
                           ->start;
my @talks = map { conversation("v$_", 'hello') } 1 .. 6;

my @senders = map {
    ChatTest::Sender->new(nginx => $nginx, visitor => "v$_", pause => 0.01,
                          conversation => $talks[$_ - 1]);
} 1 .. 6;

sub acknowledged {
    my $n = 0;
    $n += keys %{$_->{acknowledged}} for @senders;
    return $n;
}


# An agent for each conversation who polls, again and again, from where the
# last answer ended.

my @readers = map {
    {conversation => $_, seen => [], next => cursor(1), polls => 0,
     client => $nginx->client(agent => 'dana')};
} @talks;

sub read_on {
    for my $reader (@readers) {
        $reader->{poll} //= eval { $reader->{client}->start('GET',
            "/support/v1/stream?conversation=$reader->{conversation}"
            . "&since=$reader->{next}&wait=30") };

        next unless $reader->{poll} && $reader->{poll}->poll;

        my $response = delete($reader->{poll})->{response};
        $reader->{polls}++;

        if (!$response || $response->status != 200) {
            push @{$reader->{wrong}}, $response ? $response->status : 'none';
            next;
        }

        my $answer = $response->json;
        push @{$reader->{seen}}, map { $_->{seq} } @{$answer->{events}};
        push @{$reader->{wrong}}, $answer->{reason} if !$answer->{complete};
        $reader->{next} = $answer->{next};
    }
}

sub run_until(&$) {
    my ($condition, $seconds) = @_;
    return ChatTest::Sender->run(\@senders,
                                 sub { read_on(); $condition->() }, $seconds);
}


ok((run_until { acknowledged() > 100 } 60),
   'messages flow');

my %old;

for my $n (1 .. 3) {
    my $before = acknowledged();
    my @old = $nginx->worker_pids('all');

    $nginx->signal('HUP');
    ok((run_until {
        my @now = $nginx->worker_pids;
        @now == 2 && !grep { my $pid = $_; grep { $pid == $_ } @old } @now;
    } 30),
   "reload $n: new workers");

    my $began = time;
    ok((run_until { !grep { ChatTest::Nginx::alive($_) } @old } $drain + 20),
   "reload $n: the old ones go");
    cmp_ok(time - $began, '<', $drain + 15, "reload $n: in time");
    ok((run_until { acknowledged() > $before + 100 } 60),
   "reload $n: messages flow");
}


# Polls that wait at the head when a reload comes.

ok(ChatTest::Sender->finish(\@senders, 60), 'the last messages arrive');
wait_until {
    read_on();
    !grep { $_->{next} ne cursor(1 + keys %{$senders[0]{acknowledged}}) }
        $readers[0];
};

my @waiting = map {
    my $at = $nginx->client(agent => 'dana')
        ->get("/support/v1/conversations/$_/events?limit=1")->json->{next};
    $nginx->client(agent => 'dana')->start('GET',
        "/support/v1/stream?conversation=$_&since=$at&wait=40");
} @talks;

sleep 0.3;
is(scalar(grep { $_->poll } @waiting), 0, 'polls wait at the head');

my @old = $nginx->reload;
my $began = time;
my @answers = map { eval { $_->wait } } @waiting;

is(scalar(grep { $_ && $_->status == 200 } @answers), scalar @waiting,
   'each is answered when nginx is reloaded');
is(scalar(grep { $_ && @{$_->json->{events}} == 0 } @answers),
   scalar @waiting, 'with nothing new');
cmp_ok(time - $began, '<', 30, 'in time');
ok((wait_until { !grep { ChatTest::Nginx::alive($_) } @old } $drain + 20),
   'and the old workers go');


# The record, and what the readers saw of it.

run_until { 0 } 3;
ChatTest::Sender->finish(\@senders, 60);
wait_until {
    read_on();
    my $n = 0;
    $n += @{$_->{seen}} for @readers;
    $n >= acknowledged();
};

is_deeply([map { $_->compare } @senders], [],
          'the record is what was acknowledged');
is_deeply([map { @{$_->{wrong}} } @senders], [], 'no send went wrong');
is(scalar(map { @{$_->{refused}} } @senders), 0, 'no send was refused');
is_deeply([map { @{$_->{wrong} // []} } @readers], [], 'no poll went wrong');

for my $i (0 .. $#readers) {
    is_deeply($readers[$i]{seen},
              [2 .. 1 + keys %{$senders[$i]{acknowledged}}],
              'a reader saw each message once, in order');
}

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
