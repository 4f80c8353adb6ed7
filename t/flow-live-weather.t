# PostgreSQL stops and comes back while WebSockets and server-sent events are
# open: they stay, what is sent is refused clearly and accepted later, and
# delivery goes on.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use ChatTest;
use ChatTest::EventStream;
use ChatTest::Nginx;
use ChatTest::Postgres;
use ChatTest::WebSocket;

my $postgres = ChatTest::Postgres->new('own', 'fsync=off');

$ENV{TEST_NGINX_POSTGRES} = $postgres->start;

my $nginx = ChatTest::Nginx->new(workers => 1,
                                 http => 'chat_drain 1s;')->start;

sub ws { return ChatTest::WebSocket->new(port => $nginx->port, @_) }

sub is_like {
    my ($got, $want, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(contains($got, $want), undef, $name) or diag(explain($got));
}

sub ready { return $nginx->client->get('/support/v1/ready')->status }
sub numbers { return $nginx->client->get('/status?format=json')->json }

my $talk = conversation('alice', 'hello');
my $token = agent_token('late', new => 1);
my $alice = ws(visitor => 'alice');
my $dana = ws(agent => 'dana');
my $sse = ChatTest::EventStream->new(port => $nginx->port,
    visitor => 'alice', query => "conversation=$talk&since=" . cursor(1));
my $inbox = ChatTest::EventStream->new(port => $nginx->port,
    agent => 'dana', query => 'inbox=');

$_->ask(type => 'subscribe', conversation => $talk) for $alice, $dana;
$_->next('subscribed') for $sse, $inbox;

my %send = (type => 'send', conversation => $talk, text => 'in the rain',
            client_msg_id => 'rain');


for my $how ('stops', 'hangs') {
    $how eq 'stops' ? $postgres->stop : $postgres->freeze;
    $send{client_msg_id} = $how;

    my $refused = $dana->ask(%send);

    $refused //= $dana->next('error', 30);
    is_like($refused, {type => 'error', code => 'unavailable',
                       retry_after_ms => '~^\d+$'},
            "PostgreSQL $how: a send is refused, and when to try again");
    ok((wait_until { ready() == 503 } 30), 'readiness says so');
    ok((wait_until { numbers()->{pg_ready} == 0 } 30), 'and so do numbers');

    $dana->send(type => 'typing', conversation => $talk,
                on => $how eq 'stops' ? JSON::PP::true : JSON::PP::false);
    is_like($alice->next('typing', 30), {sender => {kind => 'agent'}},
            'typing goes on');
    is_like($sse->next('typing', 30), {sender => {kind => 'agent'}},
            'by all transports');

    # who has to be looked up cannot be

    my $hello = ws();

    $hello->send(type => 'hello', token => $token);
    is_like($hello->next('bye', 30), {code => 4005},
            'who an agent is cannot be told');
    is($hello->closed(30), 4005, 'which closes with 4005');

    my $late = ws(visitor => 'alice');

    is($late->next->{type}, 'welcome', 'a visitor may connect');
    $late->send(type => 'subscribe', conversation =>
                '01a20000-0000-7000-8000-000000000000', ref => 1);
    is_like($late->next('error', 30), {code => 'unavailable'},
            'but nothing is read');

    $_->poll for $alice, $dana, $sse, $inbox;
    ok(!(grep { $_->{eof} || $_->{ended} } $alice, $dana, $sse, $inbox),
       'open streams stay open');

    $how eq 'stops' ? $postgres->start : $postgres->thaw;

    my $sent;

    wait_until {
        $sent = $dana->ask(%send);
        $sent && $sent->{type} eq 'sent';
    } 60;
    is_like($sent, {type => 'sent', client_msg_id => $how},
            'the same send is accepted when it is back');

    for ($alice, $dana, $sse) {
        my ($message, $events);

        # it comes as an event, or in what was missed

        while (($message = $_->next(undef, 30))) {
            last if $message->{type} eq 'message'
                    && $message->{seq} == $sent->{seq};
            $events = grep { $_->{seq} == $sent->{seq} }
                      @{$message->{events} // []};
            last if $events;
        }

        ok($message, 'and delivered on a stream that was open');
    }

    my $summary;

    while (($summary = $inbox->next('conversation', 30))) {
        last if $summary->{last}{seq} == $sent->{seq};
    }

    ok($summary, 'also to an inbox');
    is(psql("SELECT count(*) FROM chat.event WHERE client_msg_id = '$how'"),
       1, 'it is stored once');
    ok((wait_until { ready() == 200 } 30), 'ready again');
    is(numbers()->{pg_ready}, 1, 'by its numbers, too');
}

is(numbers()->{closes}{4005} >= 1, 1, 'closes are counted');

$nginx->stop;
is(join('', grep { !/postgres|connection/i } $nginx->alarms), '',
   'nothing alarming in the log');

done_testing();
