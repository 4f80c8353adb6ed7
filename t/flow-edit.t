# Messages that are changed, and taken back: by whom, until when, what others
# are told, and what is left.

use strict;
use warnings;

use File::Find qw(find);
use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::WebSocket;

my $uploads = build_dir('edit-files');
system('rm', '-rf', $uploads);

my $nginx = ChatTest::Nginx->new(workers => 2,
                                 http => "chat_upload_path $uploads;")->start;

agent('sam', role => 'supervisor');

my %client = (map({ $_ => $nginx->client(visitor => $_) } qw(ann bob)),
              map({ $_ => $nginx->client(agent => $_) } qw(dana eli sam)));
my $talk = conversation('ann');
my $path = "/support/v1/conversations/$talk";
my $n = 0;

sub say_as {
    my ($who, $text, %more) = @_;
    my $got = $client{$who}->post("$path/messages",
        {client_msg_id => 'm' . ++$n, text => $text, %more});

    is($got->status, 201, "$who: $text");
    return $got->json->{seq};
}

sub edit {
    my ($who, $seq, $text) = @_;
    return $client{$who}->patch("$path/messages/$seq", {text => $text});
}

sub redact { $client{$_[0]}->delete("$path/messages/$_[1]") }

sub event {
    my ($who, $seq) = @_;

    my ($event) = grep { $_->{seq} == $seq }
        @{$client{$who}->get("$path/events?limit=200")->json->{events}};
    return $event;
}

sub is_like {
    my ($got, $want, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(contains($got, $want), undef, $name) or diag(explain($got));
}

my %stream = map { my $who = $_;
    my $ws = ChatTest::WebSocket->new(port => $nginx->port,
        $who eq 'ann' ? (visitor => 'ann') : (agent => $who));
    $ws->ask(type => 'subscribe', conversation => $talk);
    ($who => $ws) } qw(ann dana);


# An agent's own message

my $seq = say_as(dana => 'The order left on Mondya');
my $got = edit(dana => $seq, 'The order left on Monday');

is($got->status, 200, 'edited');
is_like($got->json, {type => 'edit', to => $seq, visibility => 'public',
                     text => 'The order left on Monday', seq => $seq + 1,
                     sender => {kind => 'agent', name => 'Dana'}},
        'the answer is the event');

is_like($stream{$_}->next('edit', 30), {to => $seq, seq => $seq + 1,
            text => 'The order left on Monday'}, "$_ is told at once")
    for qw(ann dana);

is_like(event($_, $seq), {text => 'The order left on Monday',
                          edited_at => '*'}, "$_ reads it as it is now")
    for qw(ann dana);

is(edit(dana => $seq, 'The order left on Monday')->status, 204,
   'the same text once more');
is(event('dana', $seq + 2), undef, 'is no event');
is_like($client{ann}->get('/support/v1/conversations')->json,
        {conversations => [{last => {text => 'The order left on Monday'}}]},
        'lists have it');


# A visitor's

my $typo = say_as(ann => 'Thakns');

is(edit(ann => $typo, 'Thanks')->status, 200, 'a visitor edits');
is_like($stream{dana}->next('edit', 30), {to => $typo, text => 'Thanks',
            sender => {kind => 'visitor'}}, 'an agent is told');


# Notes

my $note = say_as(dana => 'a secret', visibility => 'internal');

is(edit(dana => $note, 'a better secret')->status, 200, 'a note');
is_like($stream{dana}->next('edit', 30), {to => $note,
            visibility => 'internal'}, 'agents are told');

my $last = say_as(dana => 'next');

is(event('ann', $note + 1), undef, 'a visitor does not read it');
unlike(JSON::PP::encode_json($client{ann}->get("$path/events?limit=200")
       ->json), qr/secret/, 'nor anything of it');


# Who, what and until when

is(edit(eli => $last, 'x')->status, 403, 'not a colleague');
is(edit(sam => $last, 'x')->status, 403, 'nor a supervisor');
is(edit(ann => $last, 'x')->status, 403, 'nor the visitor');
is(edit(dana => $typo, 'x')->status, 403, 'nor what the visitor said');
is(edit(bob => $last, 'x')->status, 404, 'a stranger');
is(edit(ann => $note, 'x')->status, 404, 'a note is not there');
is(edit(dana => $seq + 1, 'x')->status, 404, 'the event of an edit is none');
is(edit(dana => 9999, 'x')->status, 404, 'no such message');
is(edit(dana => 'x', 'x')->status, 404, 'no number');
is(edit(dana => $last, '')->status, 422, 'no text');
is($client{dana}->patch("$path/messages/$last", {})->status, 422, 'nothing');

psql("UPDATE chat.event SET created_at = created_at - interval '16 minutes' "
     . "WHERE conversation = '$talk' AND seq = $last");
is(edit(dana => $last, 'x')->status, 403, 'after 15 minutes');
is(redact(dana => $last)->status, 403, 'neither to take it back');


# What was said before

is_like($client{sam}->get("$path/messages/$seq/history")->json,
        {history => [{action => 'edit', text => 'The order left on Mondya',
                      by => {kind => 'agent', name => 'Dana'}, at => '*'}]},
        'for a supervisor');
is($client{dana}->get("$path/messages/$seq/history")->status, 403,
   'not for an agent');
is($client{ann}->get("$path/messages/$seq/history")->status, 403,
   'not for a visitor');
like(eval { psql("UPDATE chat.event_history SET text = 'x'"); 1 } ? '' : $@,
     qr/only added to/, 'nobody rewrites it');
like(eval { psql('DELETE FROM chat.event_history'); 1 } ? '' : $@,
     qr/only added to/, 'nobody takes it away');


# Taking back

my $file = $client{ann}->request('PUT', '/support/v1/attachments/card.txt',
                                 body => 'the number')->json->{id};
my $card = say_as(ann => 'my card is 4929-zebra', attachments => [$file]);

is(edit(ann => $card, 'my card is zebra')->status, 200, 'edited first');

sub stored {
    my $files = 0;
    find({no_chdir => 1, wanted => sub { $files++ if /\Q$file\E$/ }},
         $uploads);
    return $files;
}

ok(wait_until { psql("SELECT count(*) FROM chat.search WHERE conversation = "
                     . "'$talk' AND seq = $card") }, 'search knows it');
is(stored(), 1, 'the file is there');
is(redact(eli => $card)->status, 403, 'not by an agent');

$got = redact(sam => $card);

is($got->status, 200, 'by a supervisor');
is_like($got->json, {type => 'redaction', to => $card, text => '!',
                     visibility => 'public'}, 'the answer is the event');
is_like($stream{$_}->next('redaction', 30), {to => $card},
        "$_ is told at once") for qw(ann dana);
is_like(event($_, $card), {type => 'message', redacted => JSON::PP::true,
                           text => '!', attachments => '!'},
        "$_: nothing is left of it") for qw(ann dana);

for my $table (qw(event event_history)) {
    is(psql("SELECT count(*) FROM chat.$table t WHERE conversation = '$talk' "
            . "AND t::text LIKE '%zebra%'"), 0, "nor in $table");
}

ok(wait_until { !psql("SELECT count(*) FROM chat.search WHERE conversation = "
                      . "'$talk' AND seq = $card") }, 'nor in the search');
is_like($client{dana}->get('/support/v1/conversations?q=zebra')->json,
        {conversations => []}, 'nobody finds it');
is($client{dana}->get("/support/v1/attachments/$file")->status, 404,
   'the file is gone');
is_like($client{sam}->get("$path/messages/$card/history")->json,
        {history => [{action => 'edit', text => undef},
                     {action => 'redaction', by => {name => 'Sam'}}]},
        'who did it is kept');
is(redact(sam => $card)->status, 204, 'once more');
is(edit(ann => $card, 'x')->status, 403, 'it cannot be said again');


# A card, with what was answered

my $ask = say_as(dana => 'Who are you?', card => {type => 'form', fields =>
                 [{name => 'who', label => 'Name'}]});
my @said = map {
    $got = $client{ann}->post("$path/responses", {client_msg_id => 'r' . ++$n,
        seq => $ask, response => {fields => {who => "giraffe $_"}}});
    is($got->status, 201, 'it is answered');
    $got->json->{seq};
} 1, 2;
my $same = say_as(ann => 'as I have said');

ok(wait_until { psql("SELECT count(*) FROM chat.search WHERE conversation = "
                     . "'$talk' AND seq = $said[1]") }, 'search knows it');
is_like(redact(dana => $ask)->json, {type => 'redaction', to => $ask,
                                     responses => \@said},
        'the event says what went with it');
is_like($stream{$_}->next('redaction', 30), {to => $ask,
                                             responses => \@said},
        "$_ is told at once") for qw(ann dana);

for my $who (qw(ann dana)) {
    is_like(event($who, $ask), {redacted => JSON::PP::true, card => '!'},
            "$who: the card is gone");
    is_like(event($who, $_), {type => 'response', redacted => JSON::PP::true,
                              to => '!', response => '!', text => '!'},
            'and what was answered') for @said;
}

is_like(event('dana', $same), {text => 'as I have said'},
        'but nothing else');
is(psql("SELECT count(*) FROM chat.event t WHERE conversation = '$talk' "
        . "AND t::text LIKE '%giraffe%'"), 0, 'nor is it stored');
ok(wait_until { !psql("SELECT count(*) FROM chat.search WHERE conversation = "
                      . "'$talk' AND seq IN ($said[0], $said[1])") },
   'nor in the search');

my $oops = say_as(ann => 'oops');

is(redact(ann => $oops)->status, 200, 'a visitor takes back his own');
is_like($stream{dana}->next('redaction', 30), {to => $oops},
        'agents are told');


# A worker takes the file from the disk, soon after it has started.

$nginx->reload;
ok(wait_until(sub { stored() == 0 }, 60), 'nothing is left of the file');

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
