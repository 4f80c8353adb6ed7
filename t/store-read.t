# R10.  Reading and changing: pages, marks, changes, and what a visitor never
# sees.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use JSON::PP ();
use Time::HiRes qw(time);
use ChatTest qw(wait_until);
use ChatTest::Sql;

my $db = ChatTest::Sql->new;
my $epoch = $ChatTest::Sql::Epoch;
my $site = $db->site('shop');
my $ann = $db->visitor($site);
my $bob = $db->visitor($site);
my $dana = $db->agent($site, 'Dana');
my $erik = $db->agent($site, 'Erik');

sub n { defined $_[0] ? $_[0] : 'NULL' }

# page(actor, conversation, since, before, limit); no bound: the last

sub page {
    my ($actor, $c, $since, $before, $lim, $tail) = @_;

    return $db->events('chat.events_1(' . $db->actor($actor) . ", '$c', "
        . n($since) . ', ' . n($before) . ', ' . ($tail ? 'true' : 'false')
        . ', ' . ($lim // 50) . ", '$epoch')");
}

sub seqs { join ' ', map { $_->{seq} } @_ }

sub change {
    my ($actor, $c, %opt) = @_;

    return $db->events('chat.change_1(' . $db->actor($actor) . ", '$c', "
        . n($opt{version}) . ', ' . ChatTest::quote($opt{status}) . ', '
        . (exists $opt{assignee} ? 'true' : 'false') . ', '
        . ChatTest::quote($opt{assignee}) . ", ARRAY['" . $db->uuid . "', '"
        . $db->uuid . "']::uuid[], '$epoch')", $opt{session});
}

sub get {
    my ($actor, $c) = @_;

    return $db->body('chat.conversation_get_1(' . $db->actor($actor)
                     . ", '$c', '$epoch')");
}

sub mark {
    my ($actor, $c, $seq) = @_;

    my ($r) = $db->rows('SELECT outcome, seq, changed FROM chat.read_1('
                        . $db->actor($actor) . ", '$c', $seq)");
    return join ' ', map { $_ // '-' } @$r;
}


subtest 'pages' => sub {
    my $c = $db->conversation($ann);
    $db->append(map { {actor => $ann, to => $c, key => $_} } 2 .. 10);

    my ($h, @e) = page($ann, $c);
    is("$h->{outcome} $h->{head} $h->{pub_head} $h->{owner} $h->{more}",
       "ok 10 10 $ann->{id} f");
    is(seqs(@e), '1 2 3 4 5 6 7 8 9 10', 'all, ascending');
    is($e[1]{text}, 2);

    ($h, @e) = page($ann, $c, undef, undef, 4);
    is(seqs(@e) . $h->{more}, '7 8 9 10t', 'the last, more before');

    ($h, @e) = page($ann, $c, undef, 7, 4);
    is(seqs(@e) . $h->{more}, '3 4 5 6t', 'just below before');

    ($h, @e) = page($ann, $c, undef, 3, 4);
    is(seqs(@e) . $h->{more}, '1 2f', 'down to the first');

    ($h, @e) = page($ann, $c, 0, undef, 4);
    is(seqs(@e) . $h->{more}, '1 2 3 4t', 'since, more after');

    ($h, @e) = page($ann, $c, 4, undef, 6);
    is(seqs(@e) . $h->{more}, '5 6 7 8 9 10f', 'up to the head');

    ($h, @e) = page($ann, $c, 10);
    is("$h->{outcome} " . @e . $h->{more} . n($h->{reason}), 'ok 0fNULL',
       'nothing after the head');

    ($h, @e) = page($ann, $c, 4, 7);
    is(seqs(@e) . $h->{more}, '5 6f', 'between both');

    ($h, @e) = page($ann, $c, 2, undef, 3, 1);
    is(seqs(@e), '8 9 10', 'tail wins');

    ($h, @e) = page($ann, $c, undef, undef, 0);
    is(seqs(@e), '10', 'a page is never empty for its limit');
};


subtest 'limits of a page' => sub {
    my $c = $db->conversation($ann);

    for my $from (0, 100, 200) {
        $db->append(map { {actor => $ann, to => $c, key => $_, text => 'x'} }
                    $from + 1 .. $from + 100);
    }

    my ($h, @e) = page($ann, $c, 0, undef, 100000);
    is(scalar @e . $h->{more}, '200t', 'at most 200 events');

    my $d = $db->conversation($ann);
    my $text = 'x' x 16384;
    $db->append(map { {actor => $ann, to => $d, key => $_, text => $text} }
                2 .. 40);

    ($h, @e) = page($ann, $d, 1, undef, 200);
    is(seqs(@e) . $h->{more}, join(' ', 2 .. 17) . 't', '256 KiB forward');
    ($h, @e) = page($ann, $d, 17, undef, 200);
    is(seqs(@e) . $h->{more}, join(' ', 18 .. 33) . 't', 'then on');
    ($h, @e) = page($ann, $d, undef, undef, 200);
    is(seqs(@e) . $h->{more}, join(' ', 25 .. 40) . 't', 'and backward');

    $db->rows("UPDATE chat.event SET text = repeat('y', 300000) "
              . "WHERE conversation = '$d' AND seq = 20");
    ($h, @e) = page($ann, $d, 19, undef, 200);
    is(seqs(@e) . $h->{more}, '20t', 'at least one event');
};


subtest 'a cursor that is ahead' => sub {
    my $c = $db->conversation($ann);
    $db->append(map { {actor => $ann, to => $c, key => $_} } 2 .. 60);

    my ($h, @e) = page($ann, $c, 61);
    is("$h->{outcome} $h->{reason} $h->{more}", 'ok ahead f');
    is(seqs(@e), join(' ', 11 .. 60), 'the last 50');

    $db->append({actor => $dana, to => $c, key => 'note', note => 1});
    ($h, @e) = page($ann, $c, 61);
    is(n($h->{reason}) . @e, 'NULL0',
       'on an internal event it is valid for a visitor');
};


subtest 'notes and what belongs to them stay inside' => sub {
    my $c = $db->conversation($ann, 'hello');

    $db->append({actor => $dana, to => $c, key => 'n1', text => 'secret-1',
                 note => 1});
    change($dana, $c, assignee => $dana->{id});
    $db->append({actor => $dana, to => $c, key => 'p1', text => 'public'},
                {actor => $dana, to => $c, key => 'n2', text => 'secret-2',
                 note => 1},
                {actor => $erik, to => $c, key => 'n3', text => 'secret-3',
                 note => 1});
    mark($erik, $c, 6);
    mark($dana, $c, 3);

    my ($h, @e) = page($ann, $c);
    is(seqs(@e), '1 4');
    is($h->{pub_head}, 4);
    is_deeply($h->{state}{read},
              {"agent:$erik->{id}" => 4, "agent:$dana->{id}" => 1},
              'marks are the last public seq below');

    for my $since (0 .. 6) {
        my ($h, @e) = page($ann, $c, $since);
        is(seqs(@e), seqs(grep { $_->{seq} > $since }
                          {seq => 1}, {seq => 4}), "since $since");
        ($h, @e) = page($ann, $c, undef, $since);
        is(seqs(@e), seqs(grep { $_->{seq} < $since }
                          {seq => 1}, {seq => 4}), "before $since");
    }

    ($h, @e) = page($dana, $c);
    is(seqs(@e), '1 2 3 4 5 6', 'agents see all');
    is($e[2]{type}, 'assignment');
    is_deeply(JSON::PP->new->decode($e[2]{data}),
              {assignee => {id => $dana->{id}, name => 'Dana'}});
    is(join('', map { $_->{internal} } @e), 'fttftt');
    is($e[1]{sender_name}, 'Dana');

    my @answers = (
        'chat.conversation_get_1(' . $db->actor($ann) . ", '$c', '$epoch')",
        'chat.conversations_visitor_1(' . $db->actor($ann)
            . ", 50, NULL, '$epoch')",
        "chat.session_start_1($site, '$ann->{id}', $ann->{issued}, '"
            . $db->uuid . "', NULL, NULL, '$epoch')",
        $db->create_call($ann, key => $c));

    for my $call (@answers) {
        my $text = join ' ', map { map { $_ // '' } @$_ }
            $db->rows("SELECT * FROM $call");
        my ($name) = $call =~ /^(\S+?)\(/;

        unlike($text, qr/secret|waiting_since|labels|priority|team/, $name);
    }

    my ($o, $body) = get($ann, $c);
    is($body->{last}{text}, 'public');
    is($body->{unread}, 1);
    is($body->{next}, "$epoch.4");

    ($o, $body) = get($dana, $c);
    is($body->{last}{text}, 'secret-3');
    is($body->{next}, "$epoch.6");
    is($body->{read}{"agent:$erik->{id}"}, 6);

    my $list = sub {
        my ($o, $b) = $db->body('chat.conversations_visitor_1('
            . $db->actor($ann) . ", 50, NULL, '$epoch')");
        return join ' ', map { $_->{id} } @{$b->{conversations}};
    };
    my $newer = $db->conversation($ann);
    my $before = $list->();
    like($before, qr/^$newer /);
    $db->append({actor => $dana, to => $c, key => 'n4', note => 1});
    is($list->(), $before, 'a note does not move a conversation');
    $db->append({actor => $dana, to => $c, key => 'p2'});
    like($list->(), qr/^$c /, 'a message does');
};


subtest 'read marks and unread' => sub {
    my $c = $db->conversation($ann);
    my $unread = sub { (get($_[0], $c))[1]{unread} };

    is($unread->($ann) . $unread->($dana), '01');
    $db->append({actor => $dana, to => $c, key => '2'},
                {actor => $dana, to => $c, key => '3', note => 1},
                {actor => $erik, to => $c, key => '4'},
                {actor => $ann, to => $c, key => '5'});
    is($unread->($ann) . $unread->($dana), '22');

    is(mark($ann, $c, 2), 'ok 2 t');
    is($unread->($ann), 1);
    is(mark($ann, $c, 1), 'ok 2 f', 'never back');
    is(mark($ann, $c, 2), 'ok 2 f', 'nor to the same');
    is(mark($ann, $c, 1000000), 'ok 5 t', 'clamped to the head');
    is($unread->($ann), 0);
    is(mark($dana, $c, 0), 'ok 0 f', 'nothing is nothing');
    is(mark($dana, $c, -1), 'ok 0 f');
    is(mark($dana, $c, 3), 'ok 3 t');
    is($unread->($dana), 1);
    is($unread->($erik), 2, 'everybody their own');

    my $version = sub { (page($_[0], $c))[0]{state}{version} };
    my ($ann_then, $dana_then) = map { $version->($_) } $ann, $dana;
    mark($dana, $c, 4);
    cmp_ok($version->($ann), '>', $ann_then, 'the state has moved');
    cmp_ok($version->($dana), '>', $dana_then);
    $ann_then = $version->($ann);
    $db->append({actor => $dana, to => $c, key => '6', note => 1});
    mark($dana, $c, 6);
    is($version->($ann), $ann_then + 1, 'to the last public one');
    $ann_then = $version->($ann);
    $db->append({actor => $dana, to => $c, key => '7', note => 1});
    mark($dana, $c, 7);
    is($version->($ann), $ann_then, 'and not by a note');

    my @sessions = map { $db->session } 1 .. 3;

    for my $round (1 .. 20) {
        $db->append({actor => $ann, to => $c, key => "r$round"});
        $_->send('SELECT * FROM chat.read_1(' . $db->actor($dana)
                 . ", '$c', 1000)") for @sessions;
        my @r = map { $_->result } @sessions;
        is(join(' ', map { $_->[1] } @r), join(' ', (7 + $round) x 3));
        is(scalar(grep { $_->[2] eq 't' } @r), 1, 'moved once');
    }
};


subtest 'changes' => sub {
    my $c = $db->conversation($ann);

    my ($h, @e) = change($dana, $c, version => 1, status => 'pending',
                         assignee => $erik->{id});
    is("$h->{outcome} $h->{head} $h->{pub_head} " . @e, 'ok 3 2 2');
    is($h->{body}{status}, 'pending');
    is($h->{body}{version}, 3);
    is_deeply($h->{body}{assignee}, {id => $erik->{id}, name => 'Erik'});
    is("$e[0]{type} $e[0]{internal} $e[0]{data}",
       'status f {"status": "pending"}');
    is("$e[1]{type} $e[1]{internal} $e[1]{sender_name}",
       'assignment t Dana');

    ($h, @e) = change($dana, $c, version => 1, status => 'resolved');
    is("$h->{outcome} " . @e, 'conflict 0');
    is($h->{body}{version}, 3, 'with the row as it is');
    is($h->{body}{status}, 'pending');

    ($h, @e) = change($dana, $c, version => 3, status => 'pending',
                      assignee => $erik->{id});
    is("$h->{outcome} $h->{body}{version} " . @e, 'ok 3 0',
       'no change, no event');

    ($h, @e) = change($dana, $c, assignee => undef);
    is("$h->{outcome} $e[0]{data}", 'ok {"assignee": null}');
    is($h->{body}{assignee}, undef);

    ($h) = change($dana, $c, status => 'closed');
    is($h->{outcome}, 'invalid:status');
    ($h) = change($dana, $c, assignee => $db->uuid);
    is($h->{outcome}, 'invalid:assignee');
    ($h) = change($dana, $c, version => 1, assignee => $db->uuid);
    is($h->{outcome}, 'invalid:assignee');

    my $left = $db->agent($site, 'Left');
    $db->rows("UPDATE chat.agent SET disabled_at = now() "
              . "WHERE id = '$left->{id}'");
    ($h) = change($dana, $c, assignee => $left->{id});
    is($h->{outcome}, 'invalid:assignee', 'a disabled agent');

    for my $bad ({status => 'open'}, {status => 'snoozed'}, {},
                 {assignee => $dana->{id}},
                 {status => 'resolved', assignee => $dana->{id}})
    {
        ($h) = change($ann, $c, %$bad);
        is($h->{outcome}, 'forbidden', 'a visitor: ' . join ' ', %$bad);
    }

    ($h, @e) = change($ann, $c, status => 'resolved');
    is("$h->{outcome} $e[0]{sender_kind} $e[0]{sender_id}",
       "ok visitor $ann->{id}", 'but may resolve');
    is($h->{body}{next}, "$epoch.5");
    ok(!exists $h->{body}{labels});
    is($db->value("SELECT waiting_since FROM chat.conversation "
                  . "WHERE id = '$c'"), undef, 'waits no more');

    is_deeply([$db->log($c)], ['1:hello', '2:status', '3:assignment',
                               '4:assignment', '5:status']);
};


subtest 'concurrent changes' => sub {
    my $c = $db->conversation($ann);
    my ($one, $two) = ($db->session, $db->session);

    $one->rows('BEGIN');
    my ($h) = change($dana, $c, version => 1, status => 'pending',
                     session => $one);
    is($h->{outcome}, 'ok');

    my $start = time;
    ($h) = change($erik, $c, version => 1, status => 'resolved');
    is($h->{outcome}, 'busy', 'a stuck lock');
    cmp_ok(time - $start, '<', 20);

    $two->send('SELECT * FROM chat.change_1(' . $db->actor($erik)
        . ", '$c', 1, 'resolved', false, NULL, ARRAY[NULL, NULL]::uuid[], "
        . "'$epoch')");
    wait_until(sub {
        ($db->value("SELECT wait_event_type FROM pg_stat_activity "
                    . "WHERE pid = $two->{backend}") // '') eq 'Lock';
    });
    $one->rows('COMMIT');

    ($h) = ChatTest::Sql::event_rows($two->result);
    is("$h->{outcome} $h->{body}{status}", 'conflict pending',
       'the second sees the first');
};


subtest 'gone' => sub {
    my $c = $db->conversation($ann);

    $db->rows("DELETE FROM chat.event WHERE conversation = '$c'");
    $db->rows("UPDATE chat.conversation SET erased_at = now() "
              . "WHERE id = '$c'");

    for my $actor ($ann, $dana) {
        is((page($actor, $c))[0]{outcome}, 'gone');
        is((get($actor, $c))[0], 'gone');
        is(mark($actor, $c, 1), 'gone - -');
        is((change($actor, $c, status => 'resolved'))[0]{outcome}, 'gone');
    }

    is((page($bob, $c))[0]{outcome}, 'not_found', 'but not to strangers');
    is(($db->events($db->create_call($ann, key => $c)))[0]{outcome}, 'gone');
};


subtest 'sites and visitors are apart' => sub {
    my $c = $db->conversation($ann, 'private');
    my $abroad = $db->site('abroad');
    my $fritz = $db->agent($abroad, 'Fritz');
    my $max = $db->visitor($abroad);

    my %as = (
        'another visitor' => [$bob, 'not_found'],
        'a visitor of another site' => [$max, 'not_found'],
        'an agent of another site' => [$fritz, 'not_found'],
        'a visitor at another site'
            => [{%$ann, site => $abroad}, 'unauthenticated'],
        'an agent at another site'
            => [{%$dana, site => $abroad}, 'unauthenticated'],
        'an agent of another site at this one'
            => [{%$fritz, site => $site}, 'unauthenticated'],
        'a visitor as an agent'
            => [{%$ann, kind => 'agent'}, 'unauthenticated'],
        'an agent with another\'s session'
            => [{%$dana, session => $erik->{session}}, 'unauthenticated'],
        'an agent without a session'
            => [{%$dana, session => undef}, 'unauthenticated'],
        'a visitor with a token from before'
            => [{%$ann, issued => $ann->{issued} - 1}, 'unauthenticated'],
        'nobody' => [{%$ann, id => $db->uuid}, 'unauthenticated'],
    );

    for my $who (sort keys %as) {
        my ($actor, $outcome) = @{$as{$who}};
        my $a = $db->actor($actor);
        my ($h, @rows) = page($actor, $c);
        is("$h->{outcome} " . @rows, "$outcome 0", "$who: events");
        is_deeply([grep { defined } @$h{qw(head pub_head owner state)}], []);

        is_deeply([get($actor, $c)], [$outcome, undef], 'conversation');
        is(mark($actor, $c, 1), "$outcome - -", 'read');

        ($h, @rows) = change($actor, $c, status => 'resolved');
        is("$h->{outcome} " . @rows, "$outcome 0", 'change');
        is($h->{body}, undef);

        my ($r) = $db->append({actor => $actor, to => $c, key => 'x'});
        is($r->{outcome}, $outcome, 'append');

        for my $call ("chat.conversations_visitor_1($a, 50, NULL, '$epoch')",
            "chat.conversations_agent_2($a, NULL, NULL, NULL, NULL, NULL, "
            . "NULL, 50, NULL, '$epoch')",
            "chat.inbox_1($a, NULL, NULL, NULL, NULL, NULL, 50, '$epoch')",
            "chat.inbox_1($a, NULL, NULL, NULL, NULL, '$epoch.1:1:', 50, "
            . "'$epoch')")
        {
            my ($o, $body) = $db->body($call);
            ok(!grep({ $_->{id} eq $c } @{$body->{conversations}}),
               "not in a list: $o");
        }
    }

    is(($db->events($db->create_call({%$ann, site => $abroad},
                                     key => 'abroad')))[0]{outcome},
       'unauthenticated');
    is(($db->events($db->create_call($dana, key => 'agent')))[0]{outcome},
       'forbidden');
    is((change($dana, $c, assignee => $fritz->{id}))[0]{outcome},
       'invalid:assignee');
    is_deeply([$db->log($c)], ['1:private'], 'nothing has been stored');
};


subtest 'blocked and erased visitors' => sub {
    for my $column (qw(blocked_at erased_at)) {
        my $v = $db->visitor($site);
        my $c = $db->conversation($v);

        $db->rows("UPDATE chat.visitor SET $column = now() "
                  . "WHERE id = '$v->{id}'");
        is((page($v, $c))[0]{outcome}, 'unauthenticated', $column);
        is((get($v, $c))[0], 'unauthenticated');
        is(($db->append({actor => $v, to => $c, key => 'x'}))[0]{outcome},
           'unauthenticated');
    }
};


done_testing();
