# Erasing while something else goes on with the same person: what comes first
# is erased as well, and what comes later is refused.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use ChatTest;
use ChatTest::Sql;

my $db = ChatTest::Sql->new;
my $epoch = $ChatTest::Sql::Epoch;
my $site = $db->site('shop');
my $sam = $db->agent($site, 'Sam');
my ($first, $second) = map { $db->session } 1, 2;

$db->rows("UPDATE chat.agent SET role = 'supervisor' WHERE id = "
          . "'$sam->{id}'");

sub erase_sql {
    my ($visitor) = @_;

    return 'SELECT outcome FROM chat.visitor_erase_1(' . $db->actor($sam)
        . ", '$visitor->{id}')";
}

# the session of who comes with this credential, and is called so by the site

sub session_sql {
    my ($visitor, $external, %opt) = @_;

    my $fresh = $db->uuid;
    return 'SELECT outcome, visitor, body FROM chat.session_start_5(' . join(
        ', ', $site, $visitor ? ("'$visitor->{id}'", $visitor->{issued})
                              : ('NULL', 'NULL'),
        "'$fresh'", ChatTest::quote($opt{locale}),
        ChatTest::quote($opt{page}), "'$epoch'", ChatTest::quote($external),
        ChatTest::quote($external && 'Zebra'), 'NULL', 'NULL', 'false',
        ChatTest::quote($external && 'Zebra/1.0'), 'NULL') . ')';
}

# Until the session waits for a lock of another.

sub waits {
    my ($session) = @_;

    return wait_until {
        $db->value('SELECT count(*) FROM pg_locks WHERE NOT granted AND pid '
                   . "= $session->{backend}");
    };
}

# The second waits for the first, which is in a transaction: its result.

sub after {
    my ($sql) = @_;

    $second->send($sql);
    ok(waits($second), 'one waits for the other');
    $first->rows('COMMIT');

    return ($second->result)[0];
}

# whatever has the word or the id of the visitor in it

sub left {
    my ($word) = @_;
    my @left;

    for my $table (qw(visitor conversation event read_mark attachment track
                      consent search event_history))
    {
        push @left, $table if $db->value("SELECT count(*) FROM chat.$table t "
            . "WHERE t::text ILIKE '%$word%'");
    }

    return "@left";
}

sub known {
    my ($external) = @_;

    my ($row) = $db->rows(session_sql(undef, $external));
    return {site => $site, kind => 'visitor', id => $row->[1],
            issued => int(1000 * time + 60_000)};
}


subtest 'one who turns out to be somebody' => sub {
    my $bob = known('bob');
    my $ann = $db->visitor($site);

    $db->rows("UPDATE chat.visitor SET page = '/zebra' WHERE id = "
              . "'$ann->{id}'");
    $db->conversation($ann, 'a zebra');
    $first->rows('BEGIN');
    is(($first->rows(session_sql($ann, 'bob')))[0][0], 'ok', 'he is merged');
    is(after(erase_sql($ann))->[0], 'ok', 'and erased');
    is(left('zebra'), '', 'nothing is left of either');
    is($db->value('SELECT count(*) FROM chat.visitor WHERE id IN '
                  . "('$ann->{id}', '$bob->{id}') AND erased_at IS NULL"), 0,
       'both were the same');
};


subtest 'the one whom he turns out to be' => sub {
    my $bob = known('carl');
    my $ann = $db->visitor($site);

    $db->rows("UPDATE chat.visitor SET page = '/zebra' WHERE id = "
              . "'$ann->{id}'");
    $db->conversation($ann, 'a zebra');
    $first->rows('BEGIN');
    $first->rows(session_sql($ann, 'carl'));
    is(after(erase_sql($bob))->[0], 'ok', 'who is erased');
    is(left('zebra'), '', 'takes with him what was somebody else');
};


subtest 'who is erased turns out to be nobody' => sub {
    my $bob = known('dave');
    my $ann = $db->visitor($site);

    $first->rows('BEGIN');
    is(($first->rows(erase_sql($bob)))[0][0], 'ok', 'erased');
    my $row = after(session_sql($ann, 'dave'));
    is($row->[0], 'created', 'who comes again begins anew');
    isnt($row->[1], $bob->{id}, 'as somebody else');
    isnt($row->[1], $ann->{id}, 'who is identified');
    is($db->value('SELECT external_id FROM chat.visitor WHERE id = '
                  . "'$row->[1]'"), 'dave', 'by the same name');
    $db->rows('UPDATE chat.visitor SET name = NULL, user_agent = NULL WHERE '
              . "id = '$row->[1]'");
    is(contains(ChatTest::json_decode($row->[2]),
                {visitor => {id => $row->[1], verified => JSON::PP::true}}),
       undef, 'and is told so');
};


subtest 'what a visitor does meanwhile' => sub {
    my %call = (
        'the page tells' => sub { 'SELECT outcome FROM chat.track_1('
            . "$_[0], '[{\"name\": \"zebra\"}]')" },
        'he uploads' => sub { 'SELECT outcome FROM chat.attachment_begin_1('
            . "$_[0], '" . $db->uuid . "', 'zebra.txt', 1, 1000)" },
        'he says who he is' => sub { 'SELECT outcome FROM chat.visitor_put_1('
            . "$_[0], 'Zebra', NULL, NULL, NULL, NULL)" },
        'he begins to talk' => sub { 'SELECT outcome FROM '
            . "chat.conversation_create_2($_[0], '" . $db->uuid . "', '"
            . $db->uuid . "', 'z', 'zebra', '$epoch')" },
    );

    for my $what (sort keys %call) {
        my $ann = $db->visitor($site);

        $first->rows('BEGIN');
        is(($first->rows(erase_sql($ann)))[0][0], 'ok', 'erased');
        is(after($call{$what}->($db->actor($ann)))->[0], 'unauthenticated',
           "$what: it is too late");
        is(left('zebra'), '', 'and nothing is stored');
    }

    my $ann = $db->visitor($site);

    $first->rows('BEGIN');
    $first->rows(erase_sql($ann));
    my $row = after(session_sql($ann, undef, page => '/zebra'));
    is($row->[0], 'created', 'he goes on: as somebody new');
    is($db->value("SELECT page FROM chat.visitor WHERE id = '$ann->{id}'"),
       undef, 'the page is not that of who was erased');
    $db->rows("UPDATE chat.visitor SET page = NULL WHERE id = '$row->[1]'");
};


# the words of messages are put into the search in the background

subtest 'while the search is filled' => sub {
    my $ann = $db->visitor($site);
    my $talk = $db->conversation($ann, 'a zebra');

    $first->rows('BEGIN');
    ok((wait_until {
            $first->rows('SELECT * FROM chat.search_fill_1(100)');
            $first->value('SELECT count(*) FROM chat.search WHERE '
                          . "conversation = '$talk'") == 1;
        }), 'it has them');
    is(after(erase_sql($ann))->[0], 'ok', 'he is erased');
    is(left('zebra'), '', 'they are gone');
    1 while $db->value('SELECT more FROM chat.work_1(100)') eq 't';
    is(left('zebra'), '', 'and stay away');
};

done_testing();
