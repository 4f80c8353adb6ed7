# R1, R2, R3.  The append: one order, once in the record, one outcome a row,
# whatever connections do at the same time.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);
use ChatTest qw(wait_until);
use ChatTest::Sql;

my $db = ChatTest::Sql->new;
my $site = $db->site('shop');
my $ann = $db->visitor($site);
my $bob = $db->visitor($site);
my $dana = $db->agent($site, 'Dana');
my $erik = $db->agent($site, 'Erik');

sub waiting {
    my ($session) = @_;

    wait_until(sub {
        ($db->value("SELECT wait_event_type FROM pg_stat_activity "
                    . "WHERE pid = $session->{backend}") // '') eq 'Lock';
    });
}

sub outcomes { join ' ', ChatTest::Sql::outcomes(@_) }

sub rows_of { ChatTest::Sql::append_rows(@_) }


subtest 'one message' => sub {
    my $c = $db->conversation($ann, 'first');
    my ($r) = $db->append({actor => $dana, to => $c, key => 'd1',
                           text => 'how can I help?'});

    is($r->{outcome}, 'created');
    is($r->{idx}, 1);
    is("$r->{seq} $r->{head} $r->{pub_head} $r->{pub}", '2 2 2 2');
    is($r->{sender_name}, 'Dana');
    is($r->{created_at}, $db->value(
        "SELECT chat.ms(created_at) FROM chat.event "
        . "WHERE conversation = '$c' AND seq = 2"), 'time as stored');

    my ($again) = $db->append({actor => $dana, to => $c, key => 'd1',
                               text => 'another text'});
    is($again->{outcome}, 'duplicate');
    is($again->{conversation}, $c);
    is($again->{type}, 'message');
    is("$again->{sender_kind} $again->{sender_id}", "agent $dana->{id}");
    is($again->{internal}, 'f');
    is($again->{text}, 'how can I help?');
    is($again->{client_msg_id}, 'd1');
    is_deeply([@$again{@ChatTest::Sql::Event}],
              [map { $r->{$_} // $again->{$_} } @ChatTest::Sql::Event],
              'the first result, which need not repeat what was sent');
    is_deeply([$db->log($c)], ['1:first', '2:how can I help?']);
};


subtest 'keys belong to a sender and a conversation' => sub {
    my ($c, $d) = ($db->conversation($ann), $db->conversation($ann));

    is(outcomes($db->append(
           {actor => $dana, to => $c, key => 'k'},
           {actor => $erik, to => $c, key => 'k'},
           {actor => $ann, to => $c, key => 'k'},
           {actor => $dana, to => $d, key => 'k'})),
       'created created created created');
    is_deeply([$db->log($c)], ['1:hello', '2:k', '3:k', '4:k']);
};


subtest 'concurrent retries of one message' => sub {
    my $c = $db->conversation($ann);
    my @sessions = map { $db->session } 1 .. 4;
    my %seen;

    for my $round (1 .. 25) {
        my $sql = $db->append_sql(1, {actor => $ann, to => $c,
                                      key => "r$round"});
        $_->send($sql) for @sessions;

        my @r = map { rows_of($_->result) } @sessions;
        my %seqs = map { $_->{seq} => 1 } @r;

        $seen{join ' ', sort map { $_->{outcome} } @r}++;
        is(join(' ', keys %seqs), $round + 1, "round $round: one seq");
    }

    is_deeply(\%seen, {'created duplicate duplicate duplicate' => 25},
              'made once');
    is($db->value("SELECT count(*) FROM chat.event "
                  . "WHERE conversation = '$c'"), 26, 'one row each');
};


subtest 'concurrent retries of a first message' => sub {
    my @sessions = map { $db->session } 1 .. 4;

    for my $round (1 .. 10) {
        $_->send('SELECT * FROM '
                 . $db->create_call($bob, key => "first$round"))
            for @sessions;

        my (%ids, %outcomes);

        for (@sessions) {
            my ($header, $event) = ChatTest::Sql::event_rows($_->result);
            $ids{$header->{body}{id}}++;
            $outcomes{$header->{outcome}}++;
            is($event->{seq}, 1);
        }

        is(scalar keys %ids, 1, 'one conversation');
        is_deeply(\%outcomes, {created => 1, duplicate => 3});
    }
};


subtest 'overlapping batches of several connections' => sub {
    my @conversations = map { $db->conversation($ann) } 1 .. 6;
    my @writers = map { {session => $db->session, n => $_, busy => 0} }
                  1 .. 4;
    my (%stored, $bad);

    # a row that is busy is sent again; batches go through the conversations
    # in opposite directions

    $_->{queue} = [] for @writers;

    for my $w (@writers) {
        for my $i (1 .. 120) {
            my $c = $conversations[($w->{n} % 2 ? $i : -$i) % 6];
            push @{$w->{queue}}, {actor => $w->{n} % 2 ? $ann : $dana,
                                  to => $c, key => "w$w->{n}-$i"};
        }
    }

    my $until = time + 60;

    while (grep { @{$_->{queue}} } @writers) {
        die "batches do not get through\n" if time > $until;

        my @active = grep { @{$_->{queue}} } @writers;

        for my $w (@active) {
            $w->{batch} = [splice @{$w->{queue}}, 0, 16];
            $w->{session}->send($db->append_sql(0, @{$w->{batch}}));
        }

        for my $w (@active) {
            my @r = rows_of($w->{session}->result);
            my @again;

            $bad++ if @r != @{$w->{batch}};

            for my $r (@r) {
                my $message = $w->{batch}[$r->{idx} - 1];

                if ($r->{outcome} eq 'busy') {
                    $w->{busy}++;
                    push @again, $message;
                } elsif ($r->{outcome} eq 'created') {
                    $stored{$message->{to}}{$r->{seq}}
                        = $message->{key};
                } else {
                    $bad++;
                }
            }

            unshift @{$w->{queue}}, @again;
        }
    }

    is($bad, undef, 'no deadlock, each row created or busy');

    for my $c (@conversations) {
        my @log = $db->log($c);
        my @told = map { "$_:$stored{$c}{$_}" }
                   sort { $a <=> $b } keys %{$stored{$c}};

        is(scalar @log, 81);
        is_deeply([@log[1 .. $#log]], \@told, 'the record is what was told');
        is($log[80] =~ /^81:/, 1, 'dense');

        for my $n (1 .. 4) {
            my @order = map { /:w$n-(\d+)$/ ? $1 : () } @log;
            is_deeply(\@order, [sort { $a <=> $b } @order],
                      "order of writer $n");
        }
    }
};


subtest 'a row locked by somebody else' => sub {
    my ($c, $d) = ($db->conversation($ann), $db->conversation($ann));
    my $other = $db->session;

    is(outcomes($db->append({actor => $ann, to => $c, key => 'before'})),
       'created');

    $other->rows('BEGIN');
    $other->rows("SELECT 1 FROM chat.conversation WHERE id = '$c' "
                 . "FOR UPDATE");

    my @r = $db->append(
        {actor => $ann, to => $d, key => 'free'},
        {actor => $ann, to => $c, key => 'one'},
        {actor => $ann, to => $d, key => 'free too'},
        {actor => $ann, to => $c, key => 'two'},
        {actor => $ann, to => $c, key => 'before'},
        {actor => $bob, to => $c, key => 'foreign'});

    is(outcomes(@r), 'created busy created busy duplicate not_found',
       'only its rows are busy, and only to who may know of it');

    my $start = time;
    my ($r) = rows_of($db->rows($db->append_sql(1,
        {actor => $ann, to => $c, key => 'alone'})));
    my $took = time - $start;

    is($r->{outcome}, 'busy');
    cmp_ok($took, '>=', 0.45, 'waited');
    cmp_ok($took, '<', 20, 'but not for ever');

    my $session = $db->session->send($db->append_sql(1,
        {actor => $ann, to => $c, key => 'alone'}));
    waiting($session);
    $other->rows('COMMIT');

    ($r) = rows_of($session->result);
    is("$r->{outcome} $r->{seq}", 'created 3', 'waits for what is short');
    is_deeply([$db->log($c)], ['1:hello', '2:before', '3:alone']);
};


subtest 'a holder that stores something' => sub {
    my $c = $db->conversation($ann);
    my ($holder, $waiter) = ($db->session, $db->session);

    $holder->rows('BEGIN');
    rows_of($holder->rows($db->append_sql(0,
        {actor => $ann, to => $c, key => 'same'})));

    $waiter->send($db->append_sql(1, {actor => $ann, to => $c,
                                      key => 'same'}));
    waiting($waiter);
    $holder->rows('COMMIT');

    my ($r) = rows_of($waiter->result);
    is("$r->{outcome} $r->{seq}", 'duplicate 2', 'the waiter sees it');

    $holder->rows('BEGIN');
    $holder->rows($db->append_sql(0, {actor => $ann, to => $c,
                                      key => 'lost'}));
    $waiter->send($db->append_sql(1, {actor => $ann, to => $c,
                                      key => 'lost'}));
    waiting($waiter);
    $holder->rows('ROLLBACK');

    ($r) = rows_of($waiter->result);
    is("$r->{outcome} $r->{seq}", 'created 3', 'and what never was, not');
};


subtest 'failed rows beside good ones' => sub {
    my $c = $db->conversation($ann);
    my $gone = $db->conversation($ann);
    my $abroad = $db->site('abroad');
    my $foreigner = $db->agent($abroad, 'Fritz');

    $db->rows("DELETE FROM chat.event WHERE conversation = '$gone'");
    $db->rows("UPDATE chat.conversation SET erased_at = now() "
              . "WHERE id = '$gone'");

    my @r = $db->append(
        {actor => $ann, to => $c, key => 'g1'},
        {actor => $ann, to => $db->uuid, key => 'x1'},
        {actor => $bob, to => $c, key => 'x2'},
        {actor => $ann, to => $gone, key => 'x3'},
        {actor => $ann, to => $c, key => 'x4', note => 1},
        {actor => $foreigner, to => $c, key => 'x5'},
        {actor => {%$ann, issued => 1}, to => $c, key => 'x6'},
        {actor => {%$dana, session => $db->uuid}, to => $c, key => 'x7'},
        {actor => {%$dana, session => $erik->{session}}, to => $c,
         key => 'x8'},
        {actor => {%$ann, kind => 'bot'}, to => $c, key => 'x9'},
        {actor => {%$ann, site => $abroad}, to => $c, key => 'x10'},
        {actor => $dana, to => $c, key => 'g2'});

    is(outcomes(@r), 'created not_found not_found gone forbidden not_found '
       . 'unauthenticated unauthenticated unauthenticated unauthenticated '
       . 'unauthenticated created');
    is_deeply([$db->log($c)], ['1:hello', '2:g1', '3:g2'],
              'the good are stored, nothing else');

    for my $r (@r[1, 2, 5 .. 10]) {
        is_deeply([grep { defined } @$r{qw(head pub_head),
                                        @ChatTest::Sql::Event}], [],
                  'nothing is told');
    }
};


subtest 'the same message twice in a batch' => sub {
    my $c = $db->conversation($ann);

    my @r = $db->append(
        {actor => $ann, to => $c, key => 'a'},
        {actor => $ann, to => $c, key => 'b'},
        {actor => $ann, to => $c, key => 'a', text => 'changed'},
        {actor => $dana, to => $c, key => 'a', text => 'hers'},
        {actor => $ann, to => $c, key => 'a'},
        {actor => $bob, to => $c, key => 'n'},
        {actor => $bob, to => $c, key => 'n'});

    is(outcomes(@r), 'created created duplicate created duplicate '
                     . 'not_found not_found');
    is(join(' ', map { $_->{seq} // '-' } @r), '2 3 2 4 2 - -');
    is($r[2]{text}, 'a', 'of the first text');
    is_deeply([$db->log($c)], ['1:hello', '2:a', '3:b', '4:hers']);

    @r = $db->append({actor => $ann, to => $c, key => 'v', note => 1},
                     {actor => $ann, to => $c, key => 'v'});
    is(outcomes(@r), 'forbidden created', 'a refused one is not the first');
};


subtest 'stale' => sub {
    my $c = $db->conversation($ann);
    my $head = sub { $db->value("SELECT last_seq FROM chat.conversation "
                                . "WHERE id = '$c'") };

    is(outcomes($db->append({actor => $dana, to => $c, key => '1',
                             expected => 1})), 'created');
    is(outcomes($db->append({actor => $dana, to => $c, key => '2',
                             expected => 1})), 'created',
       'not by what is one\'s own');
    is(outcomes($db->append({actor => $ann, to => $c, key => '3'},
                            {actor => $dana, to => $c, key => '4',
                             expected => 3})), 'created created',
       'nor by the visitor');

    is(outcomes($db->append({actor => $erik, to => $c, key => '5',
                             expected => 3})), 'stale');
    is(outcomes($db->append({actor => $erik, to => $c, key => '5',
                             expected => 5})), 'created');
    is(outcomes($db->append({actor => $erik, to => $c, key => '6',
                             note => 1})), 'created');
    is(outcomes($db->append({actor => $dana, to => $c, key => '7',
                             expected => 6})), 'stale', 'by a note as well');
    is(outcomes($db->append({actor => $dana, to => $c, key => '4',
                             expected => 1})), 'duplicate',
       'a known key is answered first');

    my $seq = $head->();
    my @messages = (
        {actor => $dana, to => $c, key => '8', expected => $seq},
        {actor => $erik, to => $c, key => '9', expected => $seq},
        {actor => $ann, to => $c, key => '10'});
    is(outcomes($db->append(@messages)), 'created busy busy',
       'undecided within a batch');
    is(outcomes($db->append(@messages[1, 2])), 'stale created',
       'decided when asked again');
};


subtest 'a visitor writes to a resolved conversation' => sub {
    for my $status (qw(resolved snoozed)) {
        my $c = $db->conversation($ann);
        my ($h) = $db->events('chat.change_1(' . $db->actor($dana)
            . ", '$c', 1, '$status', false, NULL, ARRAY['" . $db->uuid
            . "', NULL]::uuid[], '$ChatTest::Sql::Epoch')");
        is($h->{outcome}, 'ok');

        is(outcomes($db->append({actor => $dana, to => $c, key => 'd'})),
           'created', 'an agent\'s message opens nothing');

        my @r = $db->append({actor => $ann, to => $c, key => 'a'},
                            {actor => $ann, to => $c, key => 'b'});

        is(join(' ', map { $_->{idx} } @r), '0 1 2');
        is(outcomes(@r), 'created created created');
        is(join(' ', map { "$_->{seq}:$_->{type}" } @r),
           '4:status 5:message 6:message');
        is($r[0]{conversation}, $c);
        is($r[0]{sender_kind}, 'system');
        is($r[0]{data}, '{"status": "open"}');
        is($r[0]{internal}, 'f');
        is_deeply([$db->log($c)],
                  ['1:hello', '2:status', '3:d', '4:status', '5:a', '6:b']);
        is($db->value("SELECT status || version FROM chat.conversation "
                      . "WHERE id = '$c'"), 'open3');
    }

    my $c = $db->conversation($ann);
    $db->append({actor => $ann, to => $c, key => 'k'});
    $db->rows("UPDATE chat.conversation SET status = 'resolved' "
              . "WHERE id = '$c'");

    is(outcomes($db->append({actor => $ann, to => $c, key => 'k'},
                            {actor => $ann, to => $c, key => 'n',
                             note => 1},
                            {actor => $bob, to => $c, key => 'x'})),
       'duplicate forbidden not_found');
    is($db->value("SELECT status FROM chat.conversation WHERE id = '$c'"),
       'resolved', 'which no refused or repeated one does');

    is(outcomes($db->append({actor => $ann, to => $c, key => 'm'},
                            {actor => $ann, to => $c, key => 'm'})),
       'created created duplicate');
    is_deeply([$db->log($c)], ['1:hello', '2:k', '3:status', '4:m']);
};


subtest 'what the conversation keeps' => sub {
    my $c = $db->conversation($ann);
    my $row = sub {
        my ($r) = $db->rows("SELECT last_seq, public_seq, message_seq, "
            . "public_message_seq, pub, vis, notes, waiting_since IS NULL, "
            . "first_reply_at IS NULL FROM chat.conversation "
            . "WHERE id = '$c'");
        return join ' ', @$r;
    };

    is($row->(), '1 1 1 1 1 1 0 f t', 'new: waiting');

    my $since = "SELECT waiting_since FROM chat.conversation "
                . "WHERE id = '$c'";
    my $waiting = $db->value($since);
    $db->append({actor => $ann, to => $c, key => '1'});
    is($db->value($since), $waiting, 'waiting since the first');

    my @r = $db->append({actor => $dana, to => $c, key => '2', note => 1},
                        {actor => $dana, to => $c, key => '3', note => 1});
    is($row->(), '4 2 4 2 2 2 2 f t', 'notes answer nothing');
    is("$r[1]{head} $r[1]{pub_head}", '4 2');

    @r = $db->append({actor => $erik, to => $c, key => '4'},
                     {actor => $erik, to => $c, key => '5', note => 1});
    is($row->(), '6 5 6 5 3 2 3 t f', 'an answer does');
    is("$r[1]{head} $r[1]{pub_head}", '6 5');

    $db->append({actor => $ann, to => $c, key => '6'},
                {actor => $dana, to => $c, key => '7'});
    is($row->(), '8 8 8 8 5 3 3 t f', 'answered within the batch');

    $db->append({actor => $dana, to => $c, key => '8'},
                {actor => $ann, to => $c, key => '9'});
    is($row->(), '10 10 10 10 7 4 3 f f', 'waiting again');

    is($db->value("SELECT bool_and(pub = p AND vis = v) FROM (SELECT pub, "
        . "vis, count(*) FILTER (WHERE NOT internal) OVER w AS p, count(*) "
        . "FILTER (WHERE sender_kind = 'visitor') OVER w AS v FROM "
        . "chat.event WHERE conversation = '$c' WINDOW w AS (ORDER BY seq)) "
        . "e"), 't', 'running counts');
};


done_testing();
