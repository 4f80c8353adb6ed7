# Who is named in a note hears of it, until he has read it; nobody else.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::WebSocket;

my $nginx = ChatTest::Nginx->new(workers => 2)->start;
my $api = '/support/v1';

agent('dana', name => 'Dana');
agent('sam', name => 'Sam (nights)');
agent('samuel', name => 'Sam');
agent('far', name => 'Dana', site => site() . '-far');

my $id = conversation('ann', 'hello');
my %client = map { $_ => $nginx->client(agent => $_) } qw(dana sam samuel);
my $n = 0;

sub write_note {
    my ($who, $text, $visibility) = @_;
    my $answer = $client{$who}->post("$api/conversations/$id/messages",
        {client_msg_id => 'n' . ++$n, text => $text,
         visibility => $visibility // 'internal'});

    is($answer->status, 201, "$who: $text");
    return $answer->json->{seq};
}

sub mentions { $client{$_[0]}->get("$api/mentions")->json->{mentions} }

sub count {
    return $client{$_[0]}->get("$api/conversations/$id")->json->{mentions};
}

my $ws = ChatTest::WebSocket->new(port => $nginx->port, agent => 'dana');

$ws->ask(type => 'subscribe', inbox => {assignee => 'me'});
is(count('dana'), 0, 'nobody is mentioned at first');

my $seq = write_note('samuel', '@dana: have a look, @nobody too');

is(contains(mentions('dana'), [{conversation => $id, seq => $seq,
    sender => {kind => 'agent', name => 'Sam'}, text => '~have a look',
    created_at => '*'}]), undef, 'who is named is told');
is(count('dana'), 1, 'the conversation counts it');
ok((wait_until {
        my $news = $ws->next('conversation', 5);
        $news && $news->{id} eq $id && $news->{mentions} == 1;
    }), 'an inbox that does not have the conversation hears of it');
is_deeply(mentions('samuel'), [], 'who has written it is not');

write_note('dana', '@Danae and x@Dana.test say @Dana');
is(count('dana'), 1, 'nobody mentions himself');
write_note('samuel', 'ask @Danae');
is(count('dana'), 1, 'a longer name is another one');
write_note('samuel', 'ask @Dana', 'public');
is(count('dana'), 1, 'a message to the visitor mentions nobody');
$seq = write_note('dana', 'ask @SAM (Nights)!');
is(count('sam'), 1, 'a name is taken as it is, whatever its case');

is($client{dana}->post("$api/conversations/$id/read", {seq => $seq})->status,
   204, 'she reads');
is_deeply([scalar @{mentions('dana')}, count('dana')], [0, 0],
          'and has read of it');
is($nginx->client(agent => 'far')->get("$api/mentions")->status, 401,
   'somebody of another site has none');
is($nginx->client(visitor => 'ann')->get("$api/mentions")->status, 403,
   'nor has a visitor');
is($nginx->client(visitor => 'ann')->get("$api/conversations/$id")
         ->json->{mentions}, undef, 'who is told of none');

psql("DELETE FROM chat.conversation WHERE id = '$id'");
is(psql("SELECT count(*) FROM chat.mention WHERE conversation = '$id'"), 0,
   'they go with the conversation');

$ws->close;
$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
