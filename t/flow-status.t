# The numbers of chat_status over reloads and killed workers; readiness while
# PostgreSQL hangs.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Postgres;

my $postgres = ChatTest::Postgres->new('own', 'fsync=off');
my $conninfo = $postgres->start;
my $nginx = ChatTest::Nginx->new(workers => 2, postgres => $conninfo,
                                 http => 'chat_drain 1s;')->start;
my $client = $nginx->client;

sub numbers { return $client->get('/status?format=json')->json }

sub number_is {
    my ($name, $expected, $what) = @_;
    my $found;

    wait_until { ($found = numbers()->{$name}) == $expected };
    is($found, $expected, $what);
}


my $session = $client->post('/support/v1/session', {mode => 'bearer'})->json;
my $visitor = $nginx->client(token => $session->{token});
my $talk = $visitor->post('/support/v1/conversations',
                          {client_msg_id => 'm-1', text => 'hello'})->json;
my $path = "/support/v1/conversations/$talk->{id}";

$visitor->post("$path/messages", {client_msg_id => "m-$_", text => 'hello'})
    for 2 .. 5, 5;

number_is(messages => 5, 'messages of all workers');
number_is(duplicates => 1, 'a repeat is counted as one');
number_is(pg_ready => 2, 'both workers are connected');
number_is(workers => 2, 'two workers');

my $text = $client->get('/status')->{body};

is(scalar(grep { !/^# (?:HELP|TYPE) chat_\w+ ./
                 && !/^chat_\w+(?:\{.*\})? \d+$/
                 && !/^chat_\w+_sum \d+(?:\.\d+)?$/ } split /\n/, $text), 0,
   'each line is one of the format');

# The parts of a histogram have its type.

my %typed = $text =~ /^# TYPE (\w+) (\w+)/mg;
my %found = map { my ($of) = /^(\w+)_(?:bucket|sum|count)\z/;
                  ($of && ($typed{$of} // '') eq 'histogram' ? $of : $_) => 1 }
                $text =~ /^(chat_\w+)/mg;

is_deeply([sort keys %typed], [sort keys %found], 'each metric has a type');


# The documentation names each metric with its type and its labels.

my ($metrics) = do {
    open my $in, '<:encoding(UTF-8)', 'docs/operations.md' or die $!;
    local $/;
    <$in> =~ /^## Metrics$(.*?)^## /ms;
};
my %documented;

while ($metrics =~ /^\| `(chat_\w+)(?:\{([\w,]+)\})?` \| (\w+) \|/mg) {
    $documented{$1} = join ' ', $3, sort split /,/, $2 // '';
}

my %labels;

while ($text =~ /^(chat_\w+?)(?:_bucket)?\{(.+?)\} /mg) {
    my ($name, $pairs) = ($1, $2);

    $labels{$name} = [grep { $_ ne 'le' } $pairs =~ /(\w+)=/g];
}

is_deeply(\%documented,
          {map { ($_ => join ' ', $typed{$_}, sort @{ $labels{$_} // [] }) }
               keys %typed}, 'each metric is documented as it is');


# Histograms.

my $numbers = numbers();
my $append = $numbers->{append_seconds};
my @bounds = sort { $a <=> $b } keys %{ $append->{buckets} };

is($append->{count}, 5, 'each append is measured');
ok(!(grep { $append->{buckets}{$bounds[$_ - 1]}
            > $append->{buckets}{$bounds[$_]} } 1 .. $#bounds),
   'buckets are cumulative');
cmp_ok($append->{buckets}{$bounds[-1]}, '<=', $append->{count},
       'up to the count');
like($text, qr/^chat_append_seconds_bucket\{le="\+Inf"\} 5$/m,
     'which is the last bucket of the text');
cmp_ok($append->{sum}, '>', 0, 'its sum is in seconds');
cmp_ok($append->{sum}, '<', 60, 'not in milliseconds');


# Waiting polls are a gauge.

my $next = $visitor->get("$path/events")->json->{next};

sub wait_for_events {
    return $visitor->start('GET', "/support/v1/stream?wait=55&since=$next"
                                  . "&conversation=$talk->{id}");
}

my @polls = map { wait_for_events() } 1 .. 6;

number_is(polls => 6, 'polls that wait');
is_deeply(numbers()->{connections},
          {poll => {visitor => 6, agent => 0},
           sse => {visitor => 0, agent => 0},
           websocket => {visitor => 0, agent => 0}},
          'they are connections of visitors');
$polls[0]->abort;
number_is(polls => 5, 'one that has gone');


# A reload: the old workers finish, and their counts stay.

my $requests = numbers()->{requests};

$nginx->reload;

ok((wait_until { !grep { !$_->poll } @polls[1 .. 5] }),
   'the old workers answer their polls');
number_is(polls => 0, 'nobody waits any more');
number_is(workers => 2, 'two workers again');
number_is(pg_ready => 2, 'both are connected');
number_is(messages => 5, 'messages are those of all times');
cmp_ok(numbers()->{requests}, '>=', $requests, 'and so are requests');


# Workers that die with polls.

@polls = map { wait_for_events() } 1 .. 4;
number_is(polls => 4, 'polls wait again');

my %old = map { $_ => 1 } $nginx->worker_pids;

kill KILL => keys %old;
ok((wait_until {
       my @now = $nginx->worker_pids;
       @now == 2 && !grep { $old{$_} } @now;
   }), 'both workers are killed, and replaced');

$nginx->wait_ready;

number_is(polls => 0, 'their polls are not counted any more');
number_is(pg_ready => 2, 'the new ones are connected');
number_is(messages => 5, 'messages are still those of all times');


# PostgreSQL hangs.

my $unavailable = numbers()->{unavailable};

$postgres->freeze;

my $call = $client->start('GET', '/support/v1/ready');
my $answer = $call->wait;

is($answer->status, 503, 'hanging is not ready');
cmp_ok($call->took, '<', 5, 'which is said in time');
like($answer->header('Retry-After'), qr/^[1-5]$/, 'with Retry-After');
like($answer->header('Content-Type'), qr{^application/problem\+json},
     'as a problem');
number_is(unavailable => $unavailable + 1, 'and counted');

my $gone = $client->start('GET', '/support/v1/ready');

$gone->abort;
is($client->get('/support/v1/live')->status, 200, 'nginx lives');

$postgres->thaw;

ok((wait_until { $client->get('/support/v1/ready')->status == 200 }),
   'ready again');

$nginx->stop;

is(join('', $nginx->alarms(qr/exited on signal 9/)), '', 'no alarms');

done_testing();
