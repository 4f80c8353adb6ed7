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
# by id, of two with one name

agent('sam 2', name => 'sam');
$client{'sam 2'} = $nginx->client(agent => 'sam 2');
$client{$_}->post("$api/conversations/$id/read", {seq => $seq})
    for 'sam', 'samuel';

sub mention {
    my ($who, $ids, %more) = @_;

    return $client{$who}->post("$api/conversations/$id/messages",
        {client_msg_id => 'n' . ++$n, text => 'please', mentions => $ids,
         visibility => 'internal', %more});
}

$seq = write_note('dana', '@Sam: which of you?');
is_deeply([count('samuel'), count('sam 2')], [1, 1], 'a name is of two');

my $answer = mention('dana', [agent('sam 2'), agent('sam 2')],
                     text => '@Sam, please');

is($answer->status, 201, 'an id') or diag($answer->body);
is_deeply([count('samuel'), count('sam 2')], [1, 2], 'is of one');
is(contains($client{dana}->get("$api/conversations/$id/events?limit=1")->json,
            {events => [{text => '@Sam, please', mentions => [
                {id => agent('sam 2'), name => 'sam'}]}]}), undef,
   'which the note says');
is(mention('dana', [agent('samuel'), agent('dana')], text => '@sam (nights)')
       ->status, 201, 'an id beside a name, and oneself');
is_deeply([map { count($_) } qw(samuel sam dana)], [2, 1, 0],
          'both are mentioned, nobody by himself');
is(contains(mentions('samuel'), [{text => '@sam (nights)'}, {seq => $seq}]),
   undef, 'a mention says what was written');

$ws->ask(type => 'subscribe', conversation => $id);

my $sent = $ws->ask(type => 'send', conversation => $id, text => 'by socket',
                    client_msg_id => 'w', visibility => 'internal',
                    mentions => [agent('samuel')]);

is($sent->{type}, 'sent', 'by a WebSocket') or diag(explain($sent));
is(count('samuel'), 3, 'as well');

my $same = $client{dana}->post("$api/conversations/$id/messages",
    {client_msg_id => 'w', text => 'x', visibility => 'internal',
     mentions => [uuid('nobody')]});

is($same->json->{duplicate}, JSON::PP::true, 'a repeat is one');

for (['nobody' => [agent('samuel'), uuid('nobody')]],
     ['of another site' => [agent('far')]],
     ['no id' => ['Sam']], ['too many' => [map { uuid("m$_") } 1 .. 21]],
     ['no list' => agent('sam')])
{
    my $bad = mention('dana', $_->[1]);

    is($bad->status, 422, $_->[0]);
    is($bad->json->{field}, 'mentions', 'is named');
}

is(mention('dana', [agent('sam')], visibility => 'public')->status, 422,
   'a message to the visitor mentions nobody');
is($nginx->client(visitor => 'ann')->post("$api/conversations/$id/messages",
       {client_msg_id => 'v', text => 'x', mentions => [agent('sam')]})
       ->status, 403, 'nor does a visitor');
is($ws->ask(type => 'send', conversation => $id, text => 'x',
            client_msg_id => 'w2', mentions => [agent('sam')])->{field},
   'mentions', 'nor by a WebSocket');
unlike($nginx->client(visitor => 'ann')
             ->get("$api/conversations/$id/events")->body,
       qr/mentions|please/, 'he sees none');

is($nginx->client(agent => 'far')->get("$api/mentions")->status, 401,
   'somebody of another site has none');
is($nginx->client(visitor => 'ann')->get("$api/mentions")->status, 403,
   'nor has a visitor');
is($nginx->client(visitor => 'ann')->get("$api/conversations/$id")
         ->json->{mentions}, undef, 'who is told of none');

$seq = write_note('samuel', 'ask @Dana again');
is(count('dana'), 1, 'she is mentioned again');
is($client{samuel}->delete("$api/conversations/$id/messages/$seq")->status,
   200, 'that is taken back');
is_deeply([scalar @{mentions('dana')}, count('dana')], [0, 0],
          'and is no mention any more');

# a long note on a site with many agents: what it says in lower case, once

psql('INSERT INTO chat.agent (site, email, name, role, password) SELECT '
     . site_id() . ", n || '\@many.test', 'Many ' || n, 'agent', 'x' FROM "
     . 'generate_series(1, 30) n');

my $lowered = psql("BEGIN;
    CREATE SCHEMA probe;
    CREATE SEQUENCE probe.n;
    CREATE FUNCTION probe.lower(text) RETURNS text LANGUAGE plpgsql AS \$\$
    BEGIN
        IF length(\$1) > 1000 THEN
            PERFORM nextval('probe.n');
        END IF;
        RETURN pg_catalog.lower(\$1);
    END \$\$;
    SET LOCAL search_path = probe, pg_catalog;
    INSERT INTO chat.event (site, conversation, seq, pub, vis, created_at,
        internal, id, sender_kind, type, text)
    VALUES (" . site_id() . ", '$id', 1000, 1, 1, now(), true,
        gen_random_uuid(), 'system', 'message',
        '\@DANA ' || repeat('x', 2000));
    SELECT last_value || ' ' || (SELECT count(*) FROM chat.mention
               WHERE conversation = '$id' AND seq = 1000)
      FROM probe.n;
    ROLLBACK");

is($lowered, '1 1', 'it costs the same however many there are');

psql("DELETE FROM chat.conversation WHERE id = '$id'");
is(psql("SELECT count(*) FROM chat.mention WHERE conversation = '$id'"), 0,
   'they go with the conversation');

$ws->close;
$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
