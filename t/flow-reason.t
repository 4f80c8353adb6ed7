# Why a conversation changes hands: agents are told with the change, on every
# transport and ever after; its visitor is not.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::EventStream;
use ChatTest::Nginx;
use ChatTest::WebSocket;

my $nginx = ChatTest::Nginx->new(workers => 2)->start;
my $api = '/support/v1';
my $team = uuid('team');
my $talk = conversation('ann', 'hello');
my $path = "$api/conversations/$talk";
my $why = 'KANARI: <b>he</b> "waits" since Monday';

agent('dana', name => 'Dana');
psql("INSERT INTO chat.team (site, id, name) VALUES (" . site_id()
     . ", '$team', 'Second level')");

my %who = (agent => 'sam', visitor => 'ann');
my (%ws, %sse);

for (sort keys %who) {
    $ws{$_} = ChatTest::WebSocket->new(port => $nginx->port, $_ => $who{$_});
    $ws{$_}->ask(type => 'subscribe', conversation => $talk);
    $sse{$_} = ChatTest::EventStream->new(port => $nginx->port,
        $_ => $who{$_}, query => "conversation=$talk&since=" . cursor(1));
    ok($sse{$_}->next('subscribed', 30), "$_: a stream");
}

my $changed = $nginx->client(agent => 'dana')->patch($path,
    {team => $team, priority => 'urgent', assignee => undef,
     reason => $why});

is($changed->status, 200, 'it is escalated') or diag($changed->body);
is(contains($changed->json, {team => {id => $team}, priority => 'urgent',
                             reason => '!'}), undef, 'it changes hands');

my $event = {type => 'change', visibility => 'internal', reason => $why,
             team => {id => $team, name => 'Second level'},
             priority => 'urgent', sender => {kind => 'agent',
                                              name => 'Dana'}};

is(contains($ws{agent}->next('change', 30), $event), undef,
   'an agent is told by the WebSocket');
is(contains($sse{agent}->next('change', 30), $event), undef,
   'by server-sent events');


# what comes afterwards has come to the visitor: so would the reason have

is($nginx->client(agent => 'dana')->post("$path/messages",
       {client_msg_id => 'a', text => 'the end'})->status, 201, 'an answer');

for my $stream ($ws{visitor}, $sse{visitor}) {
    my ($event, @heard);

    do {
        $event = $stream->next(undef, 30);
        push @heard, json_encode($event) if $event;
    } while ($event && ($event->{text} // '') ne 'the end');

    ok($event, ref($stream) . ': the visitor has heard the end');
    unlike("@heard", qr/KANARI|reason/, 'and not why');
}


sub answers {
    my ($kind) = @_;
    my $client = $nginx->client($kind => $who{$kind});

    return map { $client->get("$api/$_") } "stream?conversation=$talk"
        . '&since=' . cursor(1) . '&wait=0', "conversations/$talk/events",
        "conversations/$talk", 'conversations', 'conversations?q=kanari';
}

my @log = ($event, {text => 'the end'});

is(contains((answers('agent'))[0]->json->{events}, [@log]), undef,
   'an agent is told by a long poll');

$nginx->reload;
is(contains((answers('agent'))[1]->json->{events}, [{}, @log]), undef,
   'and by the log, for ever');

my $heard = join ' ', map { $_->body } answers('visitor'),
    $nginx->client(visitor => 'ann')->post("$api/session",
                                           {mode => 'bearer'});

unlike($heard, qr/KANARI|reason/, 'the visitor is not');
like($heard, qr/the end/, 'who is told what is for him');

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
