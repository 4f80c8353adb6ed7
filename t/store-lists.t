# Lists, the inbox and the sweep: complete, in order, nothing twice.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use ChatTest::Sql;

my $db = ChatTest::Sql->new;
my $epoch = $ChatTest::Sql::Epoch;
my $site = $db->site('shop');
my $abroad = $db->site('abroad');
my $ann = $db->visitor($site);
my $dana = $db->agent($site, 'Dana');
my $erik = $db->agent($site, 'Erik');
my $fritz = $db->agent($abroad, 'Fritz');

sub text { ChatTest::quote($_[0]) }

sub list {
    my ($actor, %opt) = @_;

    return $db->body('chat.conversations_agent_3(' . join(', ',
        $db->actor($actor), (map { text($opt{$_}) }
                             qw(status assignee team label q order)),
        $opt{limit} // 50, text($opt{before}), "'$epoch'") . ')');
}

sub inbox {
    my ($actor, $since, %opt) = @_;

    return $db->body('chat.inbox_1(' . join(', ', $db->actor($actor),
        (map { text($opt{$_}) } qw(status assignee team label)),
        text($since), $opt{limit} // 50, "'$epoch'") . ')');
}

sub ids { map { $_->{id} } @{$_[0]{conversations}} }

sub set {
    my ($c, $sql) = @_;

    $db->rows("UPDATE chat.conversation SET $sql WHERE id = '$c'");
}


subtest 'lists of agents' => sub {
    my @c = map { $db->conversation($ann, "text $_") } 0 .. 24;
    my ($now) = $db->value("SELECT chat.ms(now())");

    # several in the same minute and in the same millisecond

    for my $i (0 .. 24) {
        my $ms = $now - 20000 * int($i / 2);
        set($c[$i], "active_at = to_timestamp($ms / 1000.0), public_at = "
                    . "to_timestamp($ms / 1000.0), "
                    . "active_minute = ${\int($ms / 60000)}, status = '"
                    . (qw(open pending snoozed resolved))[$i % 4] . "', "
                    . 'assignee = ' . ($i % 3 == 0 ? "'$dana->{id}'"
                                       : $i % 3 == 1 ? "'$erik->{id}'"
                                       : 'NULL'));
    }

    my @order = map { $c[$_] } sort {
        int($a / 2) <=> int($b / 2) || $c[$b] cmp $c[$a] } 0 .. 24;
    my %at = map { $c[$_] => $_ } 0 .. 24;

    my %filters = (
        'none' => [{}, sub { 1 }],
        'status' => [{status => 'open'}, sub { $_[0] % 4 == 0 }],
        'me' => [{assignee => 'me'}, sub { $_[0] % 3 == 0 }],
        'an agent' => [{assignee => $erik->{id}}, sub { $_[0] % 3 == 1 }],
        'nobody' => [{assignee => 'none'}, sub { $_[0] % 3 == 2 }],
        'both' => [{assignee => 'me', status => 'resolved'},
                   sub { $_[0] % 3 == 0 && $_[0] % 4 == 3 }],
        'nobody and status' => [{assignee => 'none', status => 'pending'},
                   sub { $_[0] % 3 == 2 && $_[0] % 4 == 1 }],
        'text' => [{q => '"TEXT 1"'}, sub { $_[0] == 1 }],
        'text and status' => [{q => '"text 12" is:open'},
                   sub { $_[0] == 12 }],
        'words' => [{q => '1 TEXT'}, sub { $_[0] =~ /^1/ }],
        'a pattern is text' => [{q => '%'}, sub { 0 }],
        'no team' => [{team => 'sales'}, sub { 0 }],
        'no label' => [{label => 'vip'}, sub { 0 }],
    );

    for my $name (sort keys %filters) {
        my ($opt, $match) = @{$filters{$name}};
        my @want = grep { $match->($at{$_}) } @order;

        my ($o, $body) = list($dana, %$opt);
        is_deeply([ids($body)], \@want, $name);
        ok(!$body->{more} && !defined $body->{page});

        for my $limit (1, 4) {
            my (@got, $before);

            for (0 .. 30) {
                my ($o, $body) = list($dana, %$opt, limit => $limit,
                                      before => $before);
                push @got, ids($body);
                $before = $body->{page};
                last unless $body->{more};
            }

            is_deeply(\@got, \@want, "$name, in pages of $limit");
        }
    }

    is_deeply([ids((list($fritz))[1])], [], 'another site');

    my (@got, $before);

    do {
        my ($o, $body) = $db->body('chat.conversations_visitor_1('
            . $db->actor($ann) . ", 4, " . text($before)
            . ", '$epoch')");
        push @got, ids($body);
        $before = $body->{page};
    } while (defined $before);

    is_deeply(\@got, \@order, 'a visitor\'s, latest message first');

    is((list($dana, status => 'new'))[0], 'invalid:status');
    is((list($dana, assignee => 'you'))[0], 'invalid:assignee');
    is((list($dana, assignee => "'"))[0], 'invalid:assignee');

    for my $bad ('x', '1', '1_', '1_2', "$epoch.3", '-1_' . $db->uuid,
                 '99999999999999999999_' . $db->uuid)
    {
        is((list($dana, before => $bad))[0], 'invalid:before',
           "page $bad");
        is(($db->body('chat.conversations_visitor_1(' . $db->actor($ann)
            . ", 4, '$bad', '$epoch')"))[0], 'invalid:before');
    }

    is((list($dana, before => ''))[0], 'ok');

    set($order[0], 'erased_at = now()');
    is((ids((list($dana))[1]))[0], $order[1], 'erased ones are not listed');
};


subtest 'a summary' => sub {
    my $c = $db->conversation($ann, 'x' x 300);
    my ($s) = grep { $_->{id} eq $c } @{(list($dana))[1]{conversations}};

    is(join(' ', sort keys %$s), 'assignee id labels last mentions next '
       . 'priority snoozed_until status team unread version visitor '
       . 'waiting_since');
    is(length $s->{last}{text}, 200);
    like($s->{waiting_since},
         qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/);
    is($s->{last}{created_at}, $s->{waiting_since});
    is_deeply($s->{visitor}, {id => $ann->{id}, name => undef,
                              verified => JSON::PP::false()});
    is_deeply($s->{last}{sender}, {kind => 'visitor', id => $ann->{id},
                                   name => undef});
    is($s->{next}, "$epoch.1");
};


subtest 'the inbox' => sub {
    my $c = $db->conversation($ann);
    my ($o, $first) = inbox($dana, undef, status => 'open');

    is($o, 'ok');
    ok($first->{complete});
    is_deeply([ids($first)], [ids((list($dana, status => 'open'))[1])]);
    ok(!grep { !$_->{in} } @{$first->{conversations}});

    my ($next) = $first->{next};
    like($next, qr/^$epoch\.\d+:\d+:/);

    my $changed = sub {
        my (%opt) = @_;
        my ($o, $body) = inbox($dana, $next, status => 'open', %opt);

        ok($body->{complete} && !$body->{more}) or diag $o;
        $next = $body->{next};
        return {map { $_->{id} => $_->{in} ? 1 : 0 }
                @{$body->{conversations}}};
    };

    is_deeply($changed->(), {}, 'nothing new');

    $db->append({actor => $ann, to => $c, key => '2'});
    is_deeply($changed->(), {$c => 1}, 'a message');
    is_deeply($changed->(), {}, 'once');

    $db->append({actor => $erik, to => $c, key => '3', note => 1});
    is_deeply($changed->(), {$c => 1}, 'a note');

    $db->rows('SELECT * FROM chat.change_1(' . $db->actor($dana)
        . ", '$c', NULL, 'resolved', false, NULL, ARRAY['" . $db->uuid
        . "', NULL]::uuid[], '$epoch')");
    is_deeply($changed->(), {$c => 0}, 'it leaves the filter');

    is_deeply([ids((inbox($fritz, $next))[1])], [], 'another site');

    # transactions that end in another order than they began

    my ($d, $e) = ($db->conversation($ann), $db->conversation($ann));
    $changed->();
    my ($slow, $quick) = ($db->session, $db->session);

    $slow->rows('BEGIN');
    $slow->rows($db->append_sql(0, {actor => $ann, to => $d, key => 's'}));
    $quick->rows($db->append_sql(0, {actor => $ann, to => $e, key => 'q'}));
    is_deeply($changed->(), {$e => 1}, 'what is committed');
    $quick->rows($db->append_sql(0, {actor => $ann, to => $e, key => 'r'}));
    is_deeply($changed->(), {$e => 1});
    $slow->rows('COMMIT');
    is_deeply($changed->(), {$d => 1}, 'the slow one when it commits');
    is_deeply($changed->(), {}, 'and nothing again');

    $slow->rows('BEGIN');
    $slow->rows($db->append_sql(0, {actor => $ann, to => $d, key => 't'}));
    is_deeply($changed->(), {});
    $slow->rows('ROLLBACK');
    is_deeply($changed->(), {}, 'nor what never was');

    $db->append(map { {actor => $ann, to => $_, key => 'many'} } $c, $d, $e);
    my ($out, $body) = inbox($dana, $next, limit => 2);
    ok(!$body->{complete} && $body->{more}, 'too many: a fresh list');
    is_deeply([ids($body)], [ids((list($dana, limit => 2))[1])]);

    ($out, $body) = inbox($dana, $next =~ s/^..../ffff/r);
    is($out, 'ok');
    ok(!$body->{complete}, 'a cursor of another epoch');

    is(ref((inbox($dana, ''))[1]), 'HASH');

    for my $bad ('x', $epoch, "$epoch.5", "$epoch.9:1:", "$epoch.1:5:9",
                 "$epoch.1:5:3,2", "$epoch.0:0:", '.1:1:',
                 "$epoch.99999999999999999999:1:")
    {
        is((inbox($dana, $bad))[0], 'invalid:inbox', $bad);
    }

    is((inbox($dana, $next, status => 'x'))[0], 'invalid:status');
    is((inbox($dana, $next, assignee => 'x'))[0], 'invalid:assignee');
    is(scalar ids((inbox($dana, undef, team => 'x'))[1]), 0);
};


subtest 'the sweep' => sub {
    my ($c, $d) = ($db->conversation($ann), $db->conversation($ann));
    my $max = $db->visitor($abroad);
    my ($f) = $db->conversation($max);
    my $next = $db->value('SELECT next FROM chat.sweep_1(NULL)');

    my $sweep = sub {
        my ($first, @rows) = $db->rows("SELECT * FROM chat.sweep_1('$next')");

        is(join(' ', map { $_ // '-' } @$first[1 .. 3]), '- - -');
        $next = $first->[0];
        return {map { $_->[2] => "$_->[1] $_->[3]" } @rows};
    };

    is_deeply($sweep->(), {});
    $db->append({actor => $ann, to => $c, key => '2'},
                {actor => $ann, to => $c, key => '3'},
                {actor => $max, to => $f, key => '2'});
    is_deeply($sweep->(), {$c => "$site 3", $f => "$abroad 2"},
              'all sites, with their heads');

    my ($slow, $slower) = ($db->session, $db->session);

    for ([$slow, $c], [$slower, $d]) {
        $_->[0]->rows('BEGIN');
        $_->[0]->rows($db->append_sql(0, {actor => $ann, to => $_->[1],
                                          key => 'slow'}));
    }

    $db->append({actor => $max, to => $f, key => '3'});
    is_deeply($sweep->(), {$f => "$abroad 3"});
    $slower->rows('COMMIT');
    is_deeply($sweep->(), {$d => "$site 2"});
    $slow->rows('COMMIT');
    is_deeply($sweep->(), {$c => "$site 4"});
    is_deeply($sweep->(), {});

    # many writers: every seq is announced, none twice

    my @writers = map { $db->session } 1 .. 3;
    my ($i, %seen) = (0);
    my $head = {$c => 4, $d => 2};

    for my $round (1 .. 40) {
        for (@writers) {
            $_->send($db->append_sql(1, {actor => $ann,
                                         to => ($c, $d)[$i % 2],
                                         key => 'n' . $i++}));
        }
        my $found = $sweep->();
        $seen{$_} = (split ' ', $found->{$_})[1] for keys %$found;
        $_->result for @writers;
    }

    my $found = $sweep->();
    $seen{$_} = (split ' ', $found->{$_})[1] for keys %$found;
    is_deeply(\%seen, {$c => 64, $d => 62}, 'up to the last');
    is_deeply($sweep->(), {});

    my $before = $next;
    $db->rows("INSERT INTO chat.event (site, conversation, seq, pub, vis, "
        . "created_at, internal, id, sender_kind, type) SELECT $site, '$c', "
        . "n, 1, 1, now(), true, gen_random_uuid(), 'system', 'status' "
        . "FROM generate_series(1000, 101000) n");
    my @rows = $db->rows("SELECT * FROM chat.sweep_1('$before')");
    is(scalar @rows, 1);
    is($rows[0][3], -1, 'too much for one sweep');
};


subtest 'those who wait, then the others' => sub {
    my @c = map { $db->conversation($ann, "order $_") } 0 .. 23;
    my ($now) = $db->value('SELECT chat.ms(now())');
    my %rank = (open => 1, pending => 2, snoozed => 3, resolved => 4);
    my (%at, %key, %status);

    # several of each in the same millisecond

    for my $i (0 .. 23) {
        my $ms = $now - 3600000 - 70000 * int($i / 2);
        my $status = (qw(open pending snoozed resolved))[$i % 4];
        my $waits = $status ne 'resolved' && $i % 3 == 0;
        my $since = $ms - 5000 * (24 - $i - $i % 2);

        $at{$c[$i]} = $i;
        $status{$c[$i]} = $status;
        $key{$c[$i]} = $waits ? [0, $since] : [$rank{$status}, -$ms];
        set($c[$i], "active_at = to_timestamp($ms / 1000.0), active_minute = "
                    . int($ms / 60000) . ", status = '$status', "
                    . "labels = '{sorted}', waiting_since = "
                    . ($waits ? "to_timestamp($since / 1000.0)" : 'NULL')
                    . ', assignee = ' . ($i % 2 ? "'$dana->{id}'" : 'NULL'));
    }

    my @order = sort { $key{$a}[0] <=> $key{$b}[0]
                       || $key{$a}[1] <=> $key{$b}[1] || $a cmp $b } @c;

    my %filters = (
        'a label' => [{label => 'sorted'}, sub { 1 }],
        'words' => [{q => 'order'}, sub { 1 }],
        'a label by the search' => [{q => 'label:sorted'}, sub { 1 }],
        'status' => [{status => 'open'}, sub { $status{$_[0]} eq 'open' }],
        'resolved' => [{status => 'resolved'},
                       sub { $status{$_[0]} eq 'resolved' }],
        'me' => [{assignee => 'me'}, sub { $at{$_[0]} % 2 }],
        'all' => [{}, sub { 1 }],
    );

    # what stands in other lists is in none of these

    set($_, "erased_at = now()") for grep { !exists $at{$_} }
        ids((list($dana, limit => 200))[1]);

    1 while $db->value('SELECT more FROM chat.search_fill_1(5000)') eq 't';

    for my $name (sort keys %filters) {
        my ($opt, $match) = @{$filters{$name}};
        my @want = grep { $match->($_) } @order;

        for my $limit (1, 5, 200) {
            my (@got, $before);

            for (0 .. 30) {
                my ($o, $body) = list($dana, %$opt, order => 'waiting',
                                      limit => $limit, before => $before);
                push @got, ids($body);
                $before = $body->{page};
                last unless $body->{more};
            }

            is_deeply(\@got, \@want, "$name, in pages of $limit");
        }
    }

    # beyond them all

    my ($o, $body) = list($dana, order => 'waiting',
                          before => '99999999999999_' . $db->uuid);

    is_deeply([$o, ids($body)], ['ok'], 'nothing follows the last');
    set($_, 'erased_at = now()') for @c;
};


done_testing();
