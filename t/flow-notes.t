# R10.  What is internal never reaches a visitor: random sequences of all that
# agents and visitors do, with a canary in every note, while visitors listen
# on all transports and read all that they can.  CHAT_NOTES_SEED repeats a
# sequence, CHAT_NOTES_STEPS is its length.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::EventStream;
use ChatTest::Nginx;
use ChatTest::WebSocket;

my $seed = $ENV{CHAT_NOTES_SEED} // time % 1_000_000 * 1000 + $$ % 1000;
my $steps = $ENV{CHAT_NOTES_STEPS} // 150;

diag("CHAT_NOTES_SEED=$seed");

my $files = build_dir("notes-files-$$");
my $nginx = ChatTest::Nginx->new(workers => 2,
    http => "chat_upload_path $files;")->start;
my $api = '/support/v1';
my $true = JSON::PP::true;
my $random = $seed;

# the same numbers for the same seed, whatever else asks for some

sub pick {
    my ($n) = @_;

    $random = ($random * 1103515245 + 12345) & 0x7fffffff;
    return int $random / 65536 % $n;
}

sub one { return $_[pick(scalar @_)] }


# who there is, and what may not be told

my @agents = map { agent($_, name => ucfirst, role => 'supervisor') }
             qw(dana sam);
my @visitors = qw(ann bob);
my %talks = (ann => [map { conversation('ann', "hello $_") } 1, 2],
             bob => [conversation('bob', 'hello')]);
my %owner = map { my $who = $_; map { $_ => $who } @{$talks{$who}} }
            @visitors;
my @talks = sort keys %owner;
my $team = uuid('team');
my ($n, @secrets, %heard) = (0);

psql("INSERT INTO chat.team (site, id, name) VALUES (" . site_id()
     . ", '$team', 'KANARI team')");
psql("INSERT INTO chat.label (site, id, name) VALUES (" . site_id()
     . ", gen_random_uuid(), 'kanari')");
push @secrets, $team;

sub canary { return 'KANARI' . ++$n }

sub call {
    my ($who, $method, $path, $json, %opt) = @_;
    my ($kind, $label) = split / /, $who;

    return $nginx->client($kind => $label)->request($method, "$api/$path",
        (defined $json ? (json => $json) : ()), %opt);
}

# an answer to a visitor is kept, to be looked at in the end

sub ask {
    my ($label, $method, $path, $json, %opt) = @_;
    my $answer = call("visitor $label", $method, $path, $json, %opt);

    push @{$heard{"$label $method $path"}}, $answer->body
        if defined $answer->body;
    return $answer;
}


# the streams of the visitors: a WebSocket each, and for each conversation
# server-sent events and a long poll

my (%ws, %sse, %poll, %next, %own, @over);

sub since {
    my ($talk) = @_;
    my $head = psql("SELECT last_seq FROM chat.conversation "
                    . "WHERE id = '$talk'");
    my $seq = pick($head + 1);

    $own{"$talk $seq"} = 1;
    return cursor($seq);
}

sub listen_ws {
    my ($who) = @_;
    my $ws = ChatTest::WebSocket->new(port => $nginx->port, visitor => $who);

    for (@{$talks{$who}}) {
        $ws->send(type => 'subscribe', ref => 1, conversation => $_,
                  pick(2) ? (since => since($_)) : ());
    }

    push @over, ["ws of $who", $ws{$who}] if $ws{$who};
    $ws{$who} = $ws;
}

sub listen_sse {
    my ($talk) = @_;

    push @over, ["sse of $talk", $sse{$talk}] if $sse{$talk};
    $sse{$talk} = ChatTest::EventStream->new(port => $nginx->port,
        visitor => $owner{$talk}, query => "conversation=$talk"
            . (pick(2) ? '&since=' . since($talk) : ''));
}

sub listen_poll {
    my ($talk) = @_;
    my $since = $next{$talk} // cursor(0);

    $poll{$talk} = $nginx->client(visitor => $owner{$talk})->start('GET',
        "$api/stream?conversation=$talk&since=$since&wait=55");
}

# The agents are there as well, the one by a WebSocket, the other by
# server-sent events, and type notes.

my %there = (dana => ChatTest::WebSocket->new(port => $nginx->port,
                                              agent => 'dana'),
             map { $_ => ChatTest::EventStream->new(port => $nginx->port,
                       agent => 'sam', query => "conversation=$_") } @talks);

sub type_note {
    my ($who, $talk, $on) = @_;
    my %typing = (on => $on ? $true : JSON::PP::false,
                  visibility => 'internal');

    return $there{dana}->send(type => 'typing', conversation => $talk,
                              %typing) if $who eq 'agent dana';
    call($who, 'POST', "conversations/$talk/typing", \%typing);
}

# takes what has come

sub hear {
    $_->poll for values %ws, values %sse, values %there;

    for my $talk (@talks) {
        next unless $poll{$talk}->poll;

        my $answer = $poll{$talk}{response} or die "a poll has no answer\n";
        push @{$heard{"poll of $talk"}}, $answer->body;
        $next{$talk} = $answer->json->{next};
        listen_poll($talk);
    }
}


# what may happen

sub upload {
    my ($who, $name, $text) = @_;

    return call($who, 'PUT', "attachments/$name", undef, body => $text)
        ->json->{id};
}

sub post {
    my ($who, $talk, %message) = @_;

    return call($who, 'POST', "conversations/$talk/messages",
                {client_msg_id => canary(), %message});
}

sub agent_of { return 'agent ' . one(qw(dana sam)) }

# what its visitor is told of a conversation, but for the line, which others
# move too

sub told_of {
    my ($talk) = @_;
    my $told = call("visitor $owner{$talk}", 'GET', "conversations/$talk")
               ->json;

    delete $told->{queue};
    return json_encode($told);
}

sub leave_note {
    my ($talk) = @_;
    my %note = (text => canary() . ' is not for visitors',
                visibility => 'internal');
    my $who = agent_of();

    $note{attachments} = [upload($who, canary() . '.txt', canary())]
        if !pick(3);
    $note{card} = {type => 'links', links => [{title => canary(),
                   url => 'https://x.test/' . canary()}]} if !pick(4);

    $note{mentions} = [one(@agents)] if !pick(4);

    my $before = told_of($talk);
    my $sent = post($who, $talk, %note);

    push @secrets, @{$note{attachments} // []};

    if ($sent->status != 201) {
        fail('a note is stored') or diag($sent->body);
        return;
    }

    push @secrets, $sent->json->{id};
    is(told_of($talk), $before,
       'a note changes nothing that its visitor is told')
        or diag("CHAT_NOTES_SEED=$seed");
    is(ask($owner{$talk}, 'GET', "attachments/$_")->status, 404,
       'its file is not there for him') for @{$note{attachments} // []};
}

# why is for agents alone

sub change {
    my ($talk, %change) = @_;
    my %why = pick(2) ? (reason => canary() . ' is why') : ();

    call(agent_of(), 'PATCH', "conversations/$talk", {%change, %why});
}

my %cards;

my @acts = (
    ([note => \&leave_note]) x 5,
    ([says => sub {
        ask($owner{$_[0]}, 'POST', "conversations/$_[0]/messages",
            {client_msg_id => 'v' . ++$n, text => "visitor $n"});
    }]) x 2,
    ([replies => sub {
        my $who = agent_of();
        post($who, $_[0], client_msg_id => 'a' . ++$n, text => "agent $n",
             pick(4) ? () : (attachments => [upload($who, 'a.txt', 'a')]));
    }]) x 2,
    [card => sub {
        my $sent = post(agent_of(), $_[0], client_msg_id => 'c' . ++$n,
            text => 'well?', card => {type => 'rating'});
        $cards{$_[0]} = $sent->json->{seq};
    }],
    [responds => sub {
        ask($owner{$_[0]}, 'POST', "conversations/$_[0]/responses",
            {client_msg_id => 'r' . ++$n, seq => $cards{$_[0]},
             response => {rating => 1 + pick(5)}}) if $cards{$_[0]};
    }],
    [assigns => sub { change($_[0], assignee => one(undef, @agents)) }],
    [transfers => sub { change($_[0], team => one(undef, $team),
                               assignee => undef) }],
    [labels => sub { change($_[0], labels => one([], ['kanari'])) }],
    [priority => sub { change($_[0], priority => one(undef, 'urgent')) }],
    [status => sub { change($_[0], status => one(qw(open pending
                                                   resolved))) }],
    [snoozes => sub { change($_[0], snoozed_until => one(undef,
                             '2030-01-01T00:00:00Z')) }],
    [reads => sub {
        my ($talk) = @_;
        call(agent_of(), 'POST', "conversations/$talk/read",
             {seq => 1 + pick(200)});
    }],
    ([types => sub { type_note(agent_of(), $_[0], pick(3)) }]) x 2,
    ([edits => sub {
        my ($talk) = @_;
        my $note = pick(3);
        my $seq = psql('SELECT max(seq) FROM chat.event WHERE internal = '
            . ($note ? 'true' : 'false') . " AND type = 'message' AND "
            . "sender_kind = 'agent' AND conversation = '$talk'") || 1;
        my $path = "conversations/$talk/messages/$seq";

        call($_, 'PATCH', $path, {text => $note ? canary() : "better $n"})
            for 'agent dana', 'agent sam';
        call(agent_of(), 'DELETE', $path) if !pick(4);
        ask($owner{$talk}, $_->[0], $_->[1], $_->[2])
            for ['GET', "$path/history"], ['DELETE', $path],
                ['PATCH', $path, {text => 'mine'}];
    }]) x 2,
    ['has read' => sub {
        ask($owner{$_[0]}, 'POST', "conversations/$_[0]/read",
            {seq => 1 + pick(100)});
    }],
    ['pages' => sub {
        my $range = one('', '?since=' . since($_[0]),
                        '?before=' . (1 + pick(60)));
        $range .= ($range ? '&' : '?') . 'limit=' . (1 + pick(60));
        ask($owner{$_[0]}, 'GET', "conversations/$_[0]/events$range");
    }],
    [lists => sub {
        ask($owner{$_[0]}, 'GET', 'conversations' . one('', '?q=KANARI',
            '?q=label%3Akanari', "?team=$team", '?label=kanari',
            '?status=open&order=waiting'));
        ask($owner{$_[0]}, 'GET', "conversations/$_[0]");
    }],
    [asks => sub {
        ask($owner{$_[0]}, 'POST', 'session', {mode => 'bearer'});
        ask($owner{$_[0]}, 'GET', "conversations/$_[0]/$_")
            for qw(transcript summary timeline viewers);
        ask($owner{$_[0]}, 'GET', $_)
            for "search?q=KANARI", "audit", "labels", "teams", "canned";
    }],
    [comes => sub {
        my $kind = pick(2);
        $kind ? listen_ws($owner{$_[0]}) : listen_sse($_[0]);
    }],
);

listen_ws($_) for @visitors;
listen_sse($_), listen_poll($_) for @talks;

for my $talk (@talks) {
    is($there{dana}->ask(type => 'subscribe', conversation => $talk)->{type},
       'subscribed', 'an agent is there');
    ok($there{$talk}->next('subscribed', 30), 'and another');

    type_note('agent dana', $talk, 1);
    is(contains($there{$talk}->next('typing', 30),
                {sender => {id => agent('dana')}, visibility => 'internal'}),
       undef, 'who sees that the first one types a note');
}

for (1 .. $steps) {
    my ($act, $talk) = (one(@acts), one(@talks));

    $act->[1]->($talk);
    hear();
}


# all have heard the end: what came before it has come

sub last_of {
    my ($talk) = @_;
    my $seq = post('agent dana', $talk, client_msg_id => 'end',
                   text => 'the end')->json->{seq};

    return qr/"seq":$seq\b/;
}

for my $talk (@talks) {
    my $end = last_of($talk);
    my $who = $owner{$talk};
    my %told = (
        WebSocket => sub { map { $_->[1] } @{$ws{$who}{frames}} },
        'server-sent events' => sub { map { $_->[1] } @{$sse{$talk}{events}} },
        'long poll' => sub { @{$heard{"poll of $talk"} // []} },
    );

    for my $transport (sort keys %told) {
        ok((wait_until {
            hear();
            grep { /\Q$talk\E/ && $_ =~ $end } $told{$transport}->()
        }), "$transport: the end has come");
    }

    ask($who, 'GET', "conversations/$talk/events?limit=200");
    ask($who, 'GET', "conversations/$talk");
}

ask($_, 'GET', 'conversations') for @visitors;
ask($_, 'POST', 'session', {mode => 'bearer'}) for @visitors;


# everything that visitors have been told

push @{$heard{$_->[0]}}, ref $_->[1] eq 'ChatTest::WebSocket'
        ? map { $_->[1] } @{$_->[1]{frames}}
        : map { "$_->[1] " . ($_->[2] // '') } @{$_->[1]{events}}
    for @over, (map { ["ws of $_", $ws{$_}] } @visitors),
        (map { ["sse of $_", $sse{$_}] } @talks);

# agents type notes only

my $secret = join '|', 'kanari', '"internal"', '"mentions"',
    '"type":"typing"[^}]*"kind":"agent"',
    '"typing":\[[^\]]*"kind":"agent"', map { quotemeta } @secrets;
my @leaks;

for my $where (sort keys %heard) {
    push @leaks, map { "$where: $_" } grep { /$secret/i }
                 @{$heard{$where}};
}

is(scalar(@leaks), 0, 'no note, nor anything of one, was told to a visitor')
    or diag(join "\n", "CHAT_NOTES_SEED=$seed", @leaks[0 .. ($#leaks < 4
            ? $#leaks : 4)]);

# nor numbers of what is internal: events, cursors (but for those that he has
# made up himself), read marks, last messages

my %public = map { $_ => 1 } split /\n/,
    psql("SELECT conversation || ' ' || seq FROM chat.event "
         . "WHERE NOT internal AND site = " . site_id());
my @numbers;
my $checked = 0;

sub look {
    my ($data, $talk, $where) = @_;

    if (ref $data eq 'ARRAY') {
        look($_, $talk, $where) for @$data;

    } elsif (ref $data eq 'HASH') {
        $talk = $data->{conversation} if defined $data->{conversation}
                                         && !ref $data->{conversation};
        $talk = $data->{id} if defined $data->{unread};

        my %seqs = map { ($_ => $data->{$_}) }
                   grep { defined $data->{$_} && !ref $data->{$_} }
                   qw(seq upto to);
        $seqs{next} = $1 if ($data->{next} // '') =~ /^[0-9a-f]{16}\.(\d+)$/;
        %seqs = (%seqs, %{$data->{read}}) if ref $data->{read} eq 'HASH';

        for (sort keys %seqs) {
            $checked++;
            push @numbers, "$where: $_ $seqs{$_} of $talk"
                if $seqs{$_} && defined $talk && !$public{"$talk $seqs{$_}"}
                   && !($_ eq 'next' && $own{"$talk $seqs{$_}"});
        }

        look($_, $talk, $where) for values %$data;
    }
}

for my $where (sort keys %heard) {
    my ($talk) = $where =~ m{([0-9a-f]{8}-[0-9a-f-]{27})};

    for (@{$heard{$where}}) {
        my $data = eval { json_decode(s/ [0-9a-f]{16}\.\d+\z//r) };
        look($data, $talk, $where) if ref $data;
    }
}

is(scalar(@numbers), 0, 'nor its number')
    or diag(join "\n", "CHAT_NOTES_SEED=$seed", @numbers[0 .. ($#numbers < 4
            ? $#numbers : 4)]);
cmp_ok($checked, '>', 100, 'there were numbers to look at');


# what lists count is public

for my $talk (@talks) {
    my $told = ask($owner{$talk}, 'GET', "conversations/$talk")->json;
    my $want = psql("SELECT count(*) FROM chat.event e WHERE NOT e.internal "
        . "AND e.type = 'message' AND e.sender_kind <> 'visitor' AND "
        . "e.conversation = '$talk' AND e.seq > coalesce((SELECT m.seq FROM "
        . "chat.read_mark m WHERE m.conversation = '$talk' AND m.kind = "
        . "'visitor'), 0)");

    is($told->{unread}, $want, 'unread counts what is public');
    is($told->{last}{text}, 'the end', 'the last message is public');
}

cmp_ok(psql('SELECT count(*) FROM chat.event WHERE internal AND text LIKE '
            . "'KANARI%' AND site = " . site_id()), '>', $steps / 20,
       'there were notes to leak');
cmp_ok(psql("SELECT count(*) FROM chat.event WHERE data ->> 'reason' LIKE "
            . "'KANARI%' AND site = " . site_id()), '>', 0,
       'and reasons');

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');
system('rm', '-rf', $files);

done_testing();
