# Statements cost the same whatever the tables looked like when the
# connection first used them: plans are kept, and those of empty tables must
# not read everything once there is something.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use ChatTest::Sql;

my $db = ChatTest::Sql->new;
my $epoch = $ChatTest::Sql::Epoch;
my $site = $db->site('shop');

# for each of these connections the tables are empty in another way

my %old = (
    'never filled' => $db->session,
    'vacuumed' => $db->session,
    'one row' => $db->session,
    'full' => $db->session,
);

my ($ann, $dana, $sam, $c);

# Somebody who waits, once there is enough of everything; without events,
# which the search would have to read.

my $full;

sub other {
    return $db->uuid unless $full;

    my $visitor = $db->visitor($site)->{id};

    $db->rows('INSERT INTO chat.conversation (id, site, visitor, '
        . 'client_msg_id, last_seq, public_seq, message_seq, '
        . 'public_message_seq, pub, vis, active_minute, active_at, '
        . 'public_at, waiting_since, created_at) VALUES (gen_random_uuid(), '
        . "$site, '$visitor', 'm', 1, 1, 1, 1, 1, 1, 1, now(), now(), now(), "
        . 'now())');

    return $visitor;
}

# the last message that has a text

sub latest {
    my ($conversation) = @_;

    return $db->value('SELECT max(seq) FROM chat.event WHERE conversation = '
        . "'$conversation' AND type = 'message' AND text IS NOT NULL AND "
        . "sender_kind = 'visitor'") // 1;
}

my $team = $db->uuid;

sub team { return $team }

# what looks at up to 1,000 events, and at 10,000
my %most = ('append, expecting' => 2000,
            'search of what is frequent' => 40000);

sub calls {
    my ($visitor, $agent, $conversation) = @_;
    my $v = $db->actor($visitor);
    my $a = $db->actor($agent);
    my $hash = "sha256('$agent->{session}')";
    my $random = 'sha256(gen_random_uuid()::text::bytea)';
    my @to = map { {actor => $_, to => $conversation, key => $db->uuid} }
             $visitor, $agent;

    return (
        append => $db->append_call(0, $to[0]),
        'append, crowded' => $db->append_call(0,
            map { {%$_, key => $db->uuid} } @to),
        'append, waiting' => $db->append_call(1,
            {%{$to[0]}, key => $db->uuid}),
        'append, repeated' => $db->append_call(0, $to[0]),
        'append, expecting' => $db->append_call(0,
            {%{$to[1]}, key => $db->uuid, expected => 4500}),
        'append, far behind' => $db->append_call(0,
            {%{$to[1]}, key => $db->uuid, expected => 0}),
        create => $db->create_call($visitor, key => $db->uuid),
        events => "chat.events_1($v, '$conversation', NULL, NULL, true, 50, "
            . "'$epoch')",
        'events since' => "chat.events_1($a, '$conversation', 0, NULL, "
            . "false, 5, '$epoch')",
        'events before' => "chat.events_1($v, '$conversation', NULL, 2, "
            . "false, 5, '$epoch')",
        feed => "chat.feed_1($site, '$conversation', 0, 5)",
        get => "chat.conversation_get_1($a, '$conversation', '$epoch')",
        'get by its visitor' => "chat.conversation_get_1($v, "
            . "'$conversation', '$epoch')",
        read => "chat.read_1($v, '$conversation', 1)",
        change => "chat.change_2($a, '$conversation', NULL, "
            . "'{\"assignee\":\"$agent->{id}\",\"team\":\"" . team()
            . "\",\"labels\":[\"known\"]}', ARRAY[gen_random_uuid(), "
            . "gen_random_uuid(), gen_random_uuid()], '$epoch')",
        resolve => "chat.change_2($v, '$conversation', NULL, "
            . "'{\"status\":\"resolved\"}', ARRAY[gen_random_uuid(), "
            . "NULL, NULL], '$epoch')",
        reopen => $db->append_call(0, {%{$to[0]}, key => $db->uuid}),
        session => "chat.session_start_2($site, '$visitor->{id}', "
            . "$visitor->{issued}, gen_random_uuid(), NULL, NULL, "
            . "'$epoch')",
        'own conversations' => "chat.conversations_visitor_1($v, 20, NULL, "
            . "'$epoch')",
        list => "chat.conversations_agent_3($a, 'open', 'me', NULL, NULL, "
            . "NULL, NULL, 5, NULL, '$epoch')",
        'list of all' => "chat.conversations_agent_3($a, NULL, NULL, NULL, "
            . "NULL, NULL, NULL, 5, NULL, '$epoch')",
        'list of a team' => "chat.conversations_agent_3($a, 'resolved', "
            . "NULL, '" . team() . "', NULL, NULL, NULL, 5, NULL, '$epoch')",
        'list of a label' => "chat.conversations_agent_3($a, NULL, NULL, "
            . "NULL, 'rare', NULL, NULL, 5, NULL, '$epoch')",
        'list of those who wait' => "chat.conversations_agent_3($a, NULL, "
            . "NULL, NULL, NULL, NULL, 'waiting', 5, NULL, '$epoch')",
        'list by priority' => "chat.conversations_agent_3($a, 'open', "
            . "NULL, NULL, NULL, NULL, 'priority', 5, NULL, '$epoch')",
        tick => 'chat.tick_2()',
        inbox => "chat.inbox_1($a, 'open', NULL, NULL, NULL, '$epoch.' || "
            . "pg_current_snapshot(), 50, '$epoch')",
        sweep => 'chat.sweep_1(pg_current_snapshot()::text)',
        login => "chat.agent_login_2($site, '$agent->{name}\@example.com')",
        mentions => "chat.mentions_1($a)",
        'agent session' => "chat.agent_session_get_1($site, $hash)",
        'api key' => "chat.api_key_get_1($site, "
            . "sha256('$agent->{id}'::bytea))",
        'session begins' => "chat.agent_session_create_2($site, "
            . "'$agent->{id}', 'secret', gen_random_uuid(), "
            . "$random, 0, NULL, NULL)",
        'session ends' => "chat.agent_session_end_1($site, '" . $db->uuid
            . "')",
        member => "chat.member_1($a, '$conversation')",
        ticket => "chat.ticket_put_1($v, $random)",
        'ticket used' => "chat.ticket_use_1($site, $random)",
        'sign-in, wait' => "chat.sign_in_check_1($site, "
            . "'17\@x.test', '\\x7f000001', 5)",
        'sign-in, failed' => "chat.sign_in_failed_1($site, "
            . "'17\@x.test', '\\x7f000001', 5)",
        'sign-in, passed' => "chat.sign_in_passed_1($site, "
            . "'17\@x.test', '\\x7f000001', 5)",
        revoked => "chat.revoked_3(pg_current_snapshot()::text, '$site:0')",
        'list of those of nobody' => "chat.conversations_agent_3($a, "
            . "'resolved', 'none', NULL, NULL, NULL, NULL, 5, NULL, '$epoch')",
        'inbox of an agent' => "chat.inbox_1($a, 'open', 'me', NULL, NULL, "
            . "NULL, 5, '$epoch')",
        'contact' => "chat.visitor_put_1($v, 'Ann', 'a\@b.test', "
            . "'{\"a\": 1}', NULL, NULL)",
        'visitor signs out' => "chat.session_end_1($a)",
        'agents seen' => "chat.agents_seen_1('$site $agent->{id}')",
        search => "chat.conversations_agent_3($a, NULL, NULL, NULL, "
            . "NULL, 'nothing', NULL, 5, NULL, '$epoch')",
        'search of what is frequent' => "chat.conversations_agent_3($a, "
            . "'open', NULL, NULL, NULL, 'x', 'priority', 5, NULL, "
            . "'$epoch')",
        'search, in order' => "chat.conversations_agent_3($a, NULL, NULL, "
            . "NULL, NULL, '\"known words\"', NULL, 5, NULL, '$epoch')",
        block => "chat.visitor_block_1($a, '$visitor->{id}', false)",
        'erase, by an agent' => "chat.visitor_erase_1($a, "
            . "'$visitor->{id}')",
        erase => 'chat.visitor_erase_1(' . $db->actor($sam // $agent)
            . ", '" . other() . "')",
        upload => "chat.attachment_begin_1($v, gen_random_uuid(), 'a.txt', "
            . '1, 1000000)',
        work => 'chat.work_1(20)',
        edit => "chat.edit_1($v, '$conversation', gen_random_uuid(), 1, "
            . "'changed')",
        redact => "chat.edit_1($v, '$conversation', gen_random_uuid(), 1, "
            . "NULL)",
        'redact the last' => "chat.edit_1($v, '$conversation', "
            . 'gen_random_uuid(), ' . latest($conversation) . ', NULL)',
        history => "chat.event_history_1($a, '$conversation', 1)",
        'conversations of a visitor' => "chat.customer_conversations_1($a, "
            . "'$visitor->{id}', 5, NULL, '$epoch')",
        'conversations of a visitor, further' => "chat."
            . "customer_conversations_1($a, '$visitor->{id}', 5, "
            . "'1_$conversation', '$epoch')",
        'timeline' => "chat.customer_track_1($a, '$visitor->{id}', 5, '7')",
        'search fills' => 'chat.search_fill_1(20)',
        'session of today' => "chat.session_start_5($site, "
            . "'$visitor->{id}', $visitor->{issued}, gen_random_uuid(), "
            . "'en', '/', '$epoch', NULL, NULL, NULL, NULL, false, 'Browser', "
            . "'UTC')",
        'session of somebody known' => "chat.session_start_5($site, NULL, "
            . "NULL, gen_random_uuid(), NULL, NULL, '$epoch', 'u-1', 'Ann', "
            . "'a\@b.test', '{\"plan\": \"gold\"}', true, NULL, NULL)",
        respond => "chat.respond_1($v, '$conversation', gen_random_uuid(), "
            . "gen_random_uuid()::text, 2, '{\"rating\": 5}')",
        track => "chat.track_1($v, '[{\"name\": \"page\"}]')",
        'identity keys' => "chat.identity_keys_1($site)",
    );
}

# what the function has read by now, of tables and of indexes

my $read = "SELECT (SELECT sum(pg_stat_get_xact_tuples_returned(c.oid)) FROM "
    . "pg_class c WHERE c.relnamespace = 'chat'::regnamespace AND "
    . "c.relname <> 'schema' AND c.relname <> 'site')";

sub warm {
    my ($session, @actors) = @_;
    my @calls = calls(@actors);

    while (my ($name, $call) = splice @calls, 0, 2) {
        $session->rows("SELECT * FROM $call") for 1 .. 2;
    }
}

my $nobody = {site => $site, kind => 'visitor', id => $db->uuid,
              issued => 1};
my $noone = {site => $site, kind => 'agent', id => $db->uuid, issued => 0,
             session => $db->uuid, name => 'Noone'};

# a visitor's session makes the visitor: not in the way of the others

sub discarded {
    my ($session, @actors) = @_;

    $session->rows('BEGIN');
    warm($session, @actors);
    $session->rows('ROLLBACK');
}

discarded($old{'never filled'}, $nobody, $noone, $db->uuid);

# the same, for a superuser, who may see plans
my $early = ChatTest::Sql::Session->new(
    $db->with(dbname => $db->{name}, user => 'postgres'));

discarded($early, $nobody, $noone, $db->uuid);

$db->rows('VACUUM ANALYZE');
discarded($old{vacuumed}, $nobody, $noone, $db->uuid);

$ann = $db->visitor($site);
$dana = $db->agent($site, 'Dana');
$sam = $db->agent($site, 'Sam');
$db->rows("UPDATE chat.agent SET role = 'supervisor' WHERE id = "
          . "'$sam->{id}'");
$c = $db->conversation($ann);
$db->rows('VACUUM ANALYZE');
warm($old{'one row'}, $ann, $dana, $c);

# many of everything, most of it of this site, and a long conversation

my $many = 5000;

$db->rows($_) for (
    "INSERT INTO chat.visitor (site, id, valid_from, created_at) SELECT "
        . "$site, gen_random_uuid(), 0, now() FROM "
        . "generate_series(1, $many)",
    "INSERT INTO chat.agent (site, id, email, name, role, password) SELECT "
        . "$site, gen_random_uuid(), n || '\@x.test', 'x', 'agent', 'x' "
        . "FROM generate_series(1, $many) n",
    "INSERT INTO chat.agent_session (id, site, agent, token_hash, "
        . "expires_at, ends_at, created_at) SELECT gen_random_uuid(), site, "
        . "id, sha256(id::text::bytea), now() + interval '1 hour', now() + "
        . "interval '1 day', now() FROM chat.agent",
    "INSERT INTO chat.api_key (site, id, hash, scopes, created_by) SELECT "
        . "site, id, sha256(id::text::bytea), '{audit:read}', id "
        . "FROM chat.agent",
    "INSERT INTO chat.conversation (id, site, visitor, client_msg_id, "
        . "status, assignee, last_seq, public_seq, message_seq, "
        . "public_message_seq, pub, vis, active_minute, active_at, "
        . "public_at, created_at) SELECT gen_random_uuid(), site, id, 'm', "
        . "'resolved', '$dana->{id}', 1, 1, 1, 1, 1, 1, n / 10, "
        . "to_timestamp(n * 6), now(), now() FROM (SELECT *, row_number() "
        . "OVER () AS n FROM chat.visitor) v",
    "INSERT INTO chat.event (site, conversation, seq, pub, vis, created_at, "
        . "internal, id, sender_id, sender_kind, type, client_msg_id, text) "
        . "SELECT site, id, 1, 1, 1, now(), false, gen_random_uuid(), "
        . "visitor, 'visitor', 'message', 'm', 'x' FROM chat.conversation c "
        . "WHERE client_msg_id = 'm'",
    "INSERT INTO chat.event (site, conversation, seq, pub, vis, created_at, "
        . "internal, id, sender_id, sender_kind, type, client_msg_id, text) "
        . "SELECT $site, '$c', n, n, n, now(), false, gen_random_uuid(), "
        . "'$ann->{id}', 'visitor', 'message', 'm' || n, 'x' FROM "
        . "generate_series(100, 100 + $many) n",
    "UPDATE chat.conversation SET last_seq = 100 + $many, public_seq = 100 "
        . "+ $many WHERE id = '$c'",
    "INSERT INTO chat.read_mark (site, conversation, kind, reader, seq, "
        . "public_seq, pub, vis) SELECT site, id, 'visitor', visitor, 1, 1, "
        . "1, 1 FROM chat.conversation ON CONFLICT DO NOTHING",
);

$db->rows($_) for (
    "INSERT INTO chat.team (site, id, name) VALUES ($site, '$team', 'x')",
    "INSERT INTO chat.label (site, id, name) SELECT $site, "
        . "gen_random_uuid(), 'l' || n FROM generate_series(1, $many) n "
        . "UNION ALL SELECT $site, gen_random_uuid(), 'known'",
    "UPDATE chat.conversation SET team = '$team' WHERE active_minute % 10 "
        . "= 0 AND id <> '$c'",
    "UPDATE chat.conversation SET labels = ARRAY['l' || active_minute] "
        . "WHERE id <> '$c'",
);

# those who wait are assigned

$db->rows("SELECT * FROM chat.site_settings_put_1('shop', '{\"assignment\": "
          . "{\"policy\": \"round_robin\", \"away_after\": 3600}}')");
$db->rows("SELECT * FROM chat.agents_seen_1('$site $dana->{id}')");
$full = 1;

# all but the newest events have been read by the search

1 while $db->value('SELECT more FROM chat.search_fill_1(5000)') eq 't';

my $statistics = $db->session;

for my $when ('before', 'after') {
    $statistics->rows('ANALYZE') if $when eq 'after';

    for my $name (sort keys %old) {
        my $session = $old{$name};
        my @calls = calls($ann, $dana, $c);

        while (my ($what, $call) = splice @calls, 0, 2) {
            $session->rows('BEGIN');
            my $start = $session->value($read);
            $session->rows("SELECT * FROM $call");
            my $tuples = $session->value($read) - $start;
            $session->rows('COMMIT');

            cmp_ok($tuples, '<', $most{$what} // 400,
                   "$what, planned when $name, $when statistics");
        }
    }
}


# What each statement reads and by which index, from the plans themselves:
# those of connections that came when there was nothing, and when there was
# everything.  t/store-plans.txt has what is right; CHAT_PLANS=write makes it.

sub explained {
    my ($session) = @_;

    # nested statements too; messages come with the rows
    $session->send($_)->result for (
        "SELECT 1;\n\\set VERBOSITY terse\n", "LOAD 'auto_explain'",
        'SET auto_explain.log_min_duration = 0',
        'SET auto_explain.log_nested_statements = on',
        'SET client_min_messages = log');

    my @calls = calls($ann, $dana, $c);
    my @found;

    while (my ($what, $call) = splice @calls, 0, 2) {
        $session->rows('BEGIN');
        my @lines = map { $_->[0] // '' } $session->rows("SELECT * FROM "
                                                         . $call);
        $session->rows('ROLLBACK');

        my %used;

        for (@lines) {
            $used{"$1 $2"} = 1 if /(Seq\ Scan|Tid\ Scan|Bitmap\ Heap\ Scan)\ on
                                   \s (\w+)/x;
            $used{"index $1"} = 1 if /Index(?:\ Only)?\ Scan
                                      (?:\ Backward)? \s using \s (\w+)/x;
        }

        push @found, map { "$what: $_" } sort keys %used;
    }

    return @found;
}

my %super = map { $_ => ChatTest::Sql::Session->new(
    $db->with(dbname => $db->{name}, user => 'postgres')) } 'late';

$super{early} = $early;

(my $kept = $0) =~ s/\.t\z/.txt/;

if (($ENV{CHAT_PLANS} // '') eq 'write') {
    open my $out, '>', $kept or die "$kept: $!\n";
    print $out map { "$_\n" } explained($super{late});
    close $out;
}

open my $in, '<', $kept or die "$kept: $!\n";
chomp(my @kept = <$in>);

for my $when ('early', 'late') {
    my @found = explained($super{$when});

    is_deeply(\@found, \@kept, "plans of a connection that came $when");
    is_deeply([grep { /Seq Scan (?!site|schema|queue)/ } @found], [],
              'no table is read as a whole');
}

done_testing();
