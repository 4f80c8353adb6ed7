# Search over all messages: what is found, before and after the table of words
# has it, and by whom.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use ChatTest::Sql;

my $db = ChatTest::Sql->new;
my $epoch = $ChatTest::Sql::Epoch;
my $site = $db->site('shop');
my $abroad = $db->site('abroad');
my $ann = $db->visitor($site);
my $bob = $db->visitor($site);
my $dana = $db->agent($site, 'Dana');
my $fritz = $db->agent($abroad, 'Fritz');
my $keys = 0;

sub text {
    my ($text) = @_;

    utf8::encode($text) if defined $text && utf8::is_utf8($text);

    return ChatTest::quote($text);
}

sub search {
    my ($q, %opt) = @_;

    my ($outcome, $body) = $db->body('chat.conversations_agent_3(' . join(', ',
        $db->actor($opt{as} // $dana), (map { text($opt{$_}) }
                                        qw(status assignee team label)),
        text($q), text($opt{order}), $opt{limit} // 50, text($opt{before}),
        "'$epoch'") . ')');

    return $body;
}

sub segments {
    return join ', ', map { "@$_" } $db->rows('SELECT id, rank, size FROM '
        . 'chat.search_segment ORDER BY id');
}

sub found { map { $_->{id} } @{search(@_)->{conversations}} }

sub talk {
    my ($visitor, $text, @more) = @_;

    utf8::encode($text);
    my $id = $db->conversation($visitor, $text);
    say_to($id, $visitor, $_) for @more;

    return $id;
}

sub say_to {
    my ($id, $actor, $text, %opt) = @_;

    utf8::encode($text);
    my ($r) = $db->append({actor => $actor, to => $id, text => $text,
                           key => 'k' . $keys++, %opt});
    is($r->{outcome}, 'created', 'stored');

    return $r->{seq};
}

# until nothing is left, in bites

sub fill {
    my ($lim) = @_;
    my ($calls, $filled) = (0, 0);

    while (1) {
        my ($row) = $db->rows('SELECT * FROM chat.search_fill_1('
                              . ($lim // 100) . ')');
        $calls++;
        $filled += $row->[0];
        last if $row->[1] ne 't';
        die "it never ends\n" if $calls > 5000;
    }

    return ($filled, $calls);
}


# each is looked for before and after the words are in the table

my %talk = (
    refund => talk($ann, 'Where is my refund, please?', 'order A-1234'),
    mail => talk($ann, 'write to Ann.Lee@example.com', 'REFUNDS are late'),
    arabic => talk($bob, 'أَيْنَ طَلَبِيَّتِي؟ إلى متى', 'اريد ارجاع المنتج رقم ٤٢'),
    hebrew => talk($bob, 'שָׁלוֹם, אֵיפֹה הַהַזְמָנָה שֶׁלִּי', 'קניתי בתשלומים', 'צה״ל'),
    accents => talk($bob, 'Où est mon colis Café Zürich?'),
    old => talk($ann, 'the needle', map { "hay $_" } 1 .. 30),
);

say_to($talk{refund}, $dana, 'suspicious fellow', note => 1);

my @cases = (
    ['a word' => 'needle', 'old'],
    ['however it is written' => 'NeeDLE', 'old'],
    ['how it begins' => 'need', 'old'],
    ['not how it ends' => 'eedle'],
    ['all words of a message' => 'please refund', 'refund'],
    ['not of two messages' => 'please 1234'],
    ['a word that others begin with' => 'refund', 'refund', 'mail'],
    ['in quotes, the word itself' => '"refund"', 'refund'],
    ['in quotes, in order' => '"my refund"', 'refund'],
    ['in quotes, not in another' => '"refund my"'],
    ['in quotes, whole words' => '"my ref"'],
    ['in quotes that are open' => '"my ref', 'refund'],
    ['a number with a sign' => 'a-1234', 'refund'],
    ['a number without it' => '1234', 'refund'],
    ['an address' => 'ann.lee@example.com', 'mail'],
    ['an address that is unfinished' => 'lee@exam', 'mail'],
    ['a note' => 'suspicious', 'refund'],
    ['Arabic without points' => 'طلبيتي', 'arabic'],
    ['Arabic, another alef and yeh' => 'الى', 'arabic'],
    ['Arabic without the article' => 'منتج', 'arabic'],
    ['Arabic digits' => '42', 'arabic'],
    ['Hebrew without points' => 'שלום', 'hebrew'],
    ['Hebrew without the article' => 'הזמנה', 'hebrew'],
    ['Hebrew without a preposition' => 'תשלומים', 'hebrew'],
    ['Hebrew, in order' => '"ההזמנה שלי"', 'hebrew'],
    ['a Hebrew acronym' => 'צה"ל', 'hebrew'],
    ['accents' => 'cafe zurich', 'accents'],
    ['accents as they are' => 'ZÜRICH', 'accents'],
    ['a filter beside it' => 'refund is:open', 'refund', 'mail'],
    ['a filter that nothing passes' => 'refund is:resolved'],
    ['signs only' => '%'],
    ['a word and signs' => 'needle !', 'old'],
    ['nothing' => 'nowhere'],
    ['what looks like SQL' => "x' or ''='"],
    ['what looks like a query of texts' => "needle:* | refund & !x"],
);

sub cases {
    my ($when) = @_;

    for my $case (@cases) {
        my ($name, $q, @want) = @$case;

        is_deeply([sort(found($q))], [sort map { $talk{$_} } @want],
                  "$name, $when");
    }
}

cases('as it comes');
fill(7);
is($db->value('SELECT count(*) FROM chat.event e JOIN chat.search_state s ON '
              . 'e.xact >= s.up'), 0, 'all has been read');
cases('from the table');


subtest 'what was found' => sub {
    my ($refund) = grep { $_->{id} eq $talk{refund} }
                   @{search('refund')->{conversations}};

    is_deeply([@{$refund->{match}}{qw(seq visibility text)}],
              [1, 'public', 'Where is my refund, please?'], 'a message');
    is(search('suspicious')->{conversations}[0]{match}{visibility},
       'internal', 'a note');

    my $long = say_to($talk{old}, $ann, 'x ' x 500 . 'the end of it');
    fill();
    my $match = search('end')->{conversations}[0]{match};

    is($match->{seq}, $long);
    like($match->{text}, qr/the end of it/, 'the place in a long one');
    cmp_ok(length $match->{text}, '<=', 200);
    is(search('is:open')->{conversations}[0]{match}, undef,
       'nothing where nothing was looked for');
};


subtest 'who' => sub {
    is_deeply([found('refund', as => $fritz)], [], 'another site');

    my ($outcome) = $db->body('chat.conversations_agent_3('
        . $db->actor($ann) . ", NULL, NULL, NULL, NULL, 'refund', NULL, 5, "
        . "NULL, '$epoch')");
    is($outcome, 'unauthenticated', 'a visitor does not search');
};


subtest 'the name of the visitor' => sub {
    my $carl = $db->visitor($site);
    my $id = talk($carl, 'hello');
    my $put = sub {
        my ($name, $email) = @_;
        $db->rows('SELECT * FROM chat.visitor_put_1(' . $db->actor($carl)
                  . ", '$name', '$email', NULL, NULL, NULL)");
    };

    $put->('Carla Abramov', 'ca@mail.test');
    fill();
    is_deeply([found('abram carla')], [$id], 'when it came later');
    is(search('abramov')->{conversations}[0]{match}, undef);
    is_deeply([found('ca@mail.test')], [$id], 'and the address');

    $put->('Carla Berg', 'ca@mail.test');
    fill();
    is_deeply([found('abramov')], [], 'not by what it was');
    is_deeply([found('berg')], [$id], 'but by what it is');
};


subtest 'pages' => sub {
    my @ids = map { talk($bob, "pagination $_") } 1 .. 7;
    fill();

    $db->rows('UPDATE chat.conversation SET active_at = now() - interval '
              . "'1 day' * $_, active_minute = 1, waiting_since = now() - "
              . "interval '1 hour' * $_, priority = ($_ % 3) WHERE id = "
              . "'$ids[$_]'") for 0 .. 6;

    my %order = (newest => [0 .. 6], waiting => [reverse 0 .. 6],
                 priority => [2, 5, 1, 4, 0, 3, 6]);

    for my $order (sort keys %order) {
        my (@got, $page);

        do {
            my $body = search('pagination', order => $order, limit => 3,
                              before => $page);
            push @got, map { $_->{id} } @{$body->{conversations}};
            $page = $body->{page};
        } while ($page);

        is_deeply(\@got, [@ids[@{$order{$order}}]], $order);
    }
};


subtest 'segments' => sub {
    $db->rows('UPDATE chat.search_segment SET size = 16384');
    my @ids = map { talk($bob, 'segmented') } 1 .. 3;
    fill();

    is($db->value('SELECT count(*) FROM chat.search_segment WHERE rank > 0 '
                  . "AND site = $site"), 2, 'a full one is followed by another');
    is(scalar(found('segmented')), 3, 'what is in the second');
    is_deeply([found('needle')], [$talk{old}], 'and in the first');

    # the newest of what there is too much of

    $db->rows('INSERT INTO chat.event (site, conversation, seq, pub, vis, '
        . 'created_at, internal, id, sender_kind, type, text) SELECT '
        . "$site, '$ids[0]', n, n, n, now(), false, gen_random_uuid(), "
        . "'visitor', 'message', 'frequent' FROM generate_series(100, 11200)"
        . ' n');
    my ($filled, $calls) = fill(1000);
    cmp_ok($filled, '>=', 11101, 'a transaction with many events');
    cmp_ok($calls, '>=', 11, 'is read in bites');
    is_deeply([found('frequent')], [$ids[0]], 'frequent');
};


subtest 'what goes' => sub {
    $db->rows("DELETE FROM chat.conversation WHERE id = '$talk{accents}'");
    is($db->value('SELECT count(*) FROM chat.search WHERE conversation = '
                  . "'$talk{accents}'"), 0, 'with its conversation');
    is_deeply([found('zurich')], []);
};


subtest 'a store from before' => sub {
    $db->rows('DELETE FROM chat.search');
    $db->rows('DELETE FROM chat.search_segment');
    $db->rows("UPDATE chat.search_state SET conversation = 'ffffffff-ffff-"
              . "ffff-ffff-ffffffffffff', seq = 0");
    is_deeply([found('needle')], [], 'not known yet');

    my $new = talk($ann, 'needle in a haystack');
    is_deeply([found('needle')], [$new], 'what is new is found');

    $db->rows('SELECT * FROM chat.search_fill_1(50)');
    my ($have) = $db->value('SELECT count(*) FROM chat.search');
    cmp_ok($have, '<=', 110, 'a bite reads no more than it is told');

    fill(50);
    is_deeply([sort(found('needle'))], [sort $new, $talk{old}],
              'and then all');
    is_deeply([found('berg')], [found('ca@mail.test')], 'names too');
    is($db->value('SELECT conversation IS NULL FROM chat.search_state'), 't',
       'that is done');

    my ($filled, $calls) = fill();
    is("$filled $calls", '0 1', 'and done once');
};


subtest 'a dump that was restored' => sub {
    $db->rows("UPDATE chat.search_state SET up = '999999999999'");
    my $id = talk($ann, 'restored');
    fill(500);
    is_deeply([found('restored')], [$id],
              'transactions that are numbered anew');

    ChatTest::psql('SELECT chat.new_epoch()', $db->with(
        dbname => $db->{name}, user => 'postgres'));
    is($db->value('SELECT conversation IS NULL FROM chat.search_state'), 'f',
       'new_epoch() has all read again');
    my $segments = segments();
    fill(500);
    is_deeply([found('restored')], [$id], 'once');
    is(segments(), $segments, 'and leaves the segments as they are');
};


subtest 'what is taken back while the table is filled' => sub {
    my $id = talk($bob, 'hello');
    my ($fill, $fast) = map { $db->session } 1, 2;
    my ($ask, $said);

    my $card = sub {
        my ($key) = @_;

        $ask = say_to($id, $dana, "wombat $key");
        $db->rows('UPDATE chat.event SET data = ' . ChatTest::quote(
            '{"card": {"type": "form", "fields": [{"name": "a", '
            . '"label": "A"}]}}')
            . " WHERE conversation = '$id' AND seq = $ask");
        my ($row) = $db->rows('SELECT outcome, head FROM chat.respond_1('
            . $db->actor($bob) . ", '$id', '" . $db->uuid . "', '$key', $ask, "
            . "'{\"fields\": {\"a\": \"wombat too\"}}')");
        is($row->[0], 'created', 'a card is answered');
        $said = $row->[1];
    };
    my $rows = sub { ($_[0] // $db)->value('SELECT count(*) FROM chat.search '
        . "WHERE conversation = '$id' AND seq IN ($ask, $said)") };
    my $redact = sub { eval { $fast->value('SELECT outcome FROM chat.edit_1('
        . $db->actor($dana) . ", '$id', '" . $db->uuid
        . "', $ask, NULL)") } // $@ };

    $fast->rows("SET lock_timeout = '2s'");

    # rows that are locked

    $card->('first');
    fill();
    is($rows->(), 2, 'both are in the table');
    $fill->rows('BEGIN');
    $fill->rows("SELECT 1 FROM chat.search WHERE conversation = '$id' "
                . 'FOR UPDATE');
    is($redact->(), 'created', 'nobody waits for who holds them');
    $fill->rows('COMMIT');
    fill();
    is($rows->(), 0, 'they go afterwards');
    is_deeply([found('wombat')], [], 'nobody finds them');

    # rows that are not there yet

    $card->('second');
    $fill->rows('BEGIN');
    $fill->rows('SELECT * FROM chat.search_fill_1(100)');
    is($rows->($fill), 2, 'both are being put there');
    is($redact->(), 'created', 'nobody waits for who does it');
    $fill->rows('COMMIT');
    fill();
    is($rows->(), 0, 'they go again');
    is_deeply([found('wombat')], [], 'nobody finds them');
};


# what is being written is not passed over

subtest 'transactions that end later' => sub {
    my $id = talk($ann, 'begin');
    my $slow = $db->session;

    $slow->rows('BEGIN');
    $slow->rows($db->append_sql(0, {actor => $ann, to => $id, key => 'slow',
                                    text => 'tortoise'}));
    my $other = talk($ann, 'hare');
    fill();
    is_deeply([found('tortoise')], [], 'not there');
    is_deeply([found('hare')], [$other], 'the other one is');
    $slow->rows('COMMIT');
    is_deeply([found('tortoise')], [$id], 'at once');
    fill();
    is($db->value('SELECT count(*) FROM chat.search WHERE conversation IN '
                  . "('$id', '$other')"), 3, 'all are in the table');
    is_deeply([found('tortoise')], [$id], 'from the table');
};

done_testing();
