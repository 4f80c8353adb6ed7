# What a tick holds and how much it does at a time: agents who sign in or are
# assigned wait for nothing, and a long line is neither moved nor told of at
# once.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use ChatTest::Sql;

my $db = ChatTest::Sql->new;
my $epoch = $ChatTest::Sql::Epoch;
my $site = $db->site('shop');
my $dana = $db->agent($site, 'Dana');
my $sam = $db->agent($site, 'Sam');

sub policy {
    $db->rows("SELECT * FROM chat.site_settings_put_1('shop', "
              . "'{\"assignment\": {\"policy\": \"$_[0]\"}}')");
}

# these agents have a stream, and nobody else, for long enough to be missed

sub here {
    $db->rows('DELETE FROM chat.agent_seen');
    $db->rows('INSERT INTO chat.agent_seen (site, agent, seen_at) VALUES '
              . join(', ', map { "($site, '$_->{id}', now() + interval "
                                 . "'1 hour')" } @_)) if @_;
    $db->rows('INSERT INTO chat.tick_state (since, last) VALUES (now(), '
              . "now()) ON CONFLICT (one) DO UPDATE SET last = now()");
    $db->rows("UPDATE chat.tick_state SET since = now() - interval '1 hour'");
}

# conversations that wait, of visitors of their own

sub waiting {
    my ($number) = @_;

    return map { $_->[0] } $db->rows('WITH v AS (INSERT INTO chat.visitor '
        . "(site, id, valid_from, created_at) SELECT $site, "
        . 'gen_random_uuid(), 0, now() FROM '
        . "generate_series(1, $number) RETURNING id) INSERT INTO "
        . 'chat.conversation (id, site, visitor, client_msg_id, last_seq, '
        . 'public_seq, message_seq, public_message_seq, pub, vis, '
        . 'active_minute, active_at, public_at, waiting_since, created_at) '
        . "SELECT gen_random_uuid(), $site, v.id, 'm', 1, 1, 1, 1, 1, 1, 1, "
        . 'now(), now(), now(), now() FROM v RETURNING id');
}

sub done {
    $db->rows("UPDATE chat.conversation SET status = 'resolved', "
              . 'waiting_since = NULL');
    1 while $db->rows('SELECT * FROM chat.tick_2()');
}

# what a tick tells: conversations and their places in the line

sub told {
    return sort { ($a->[1] // 0) <=> ($b->[1] // 0) }
           $db->rows("SELECT of_conversation, event::json ->> 'position' "
                     . 'FROM chat.tick_2()');
}

sub assigned {
    return $db->value('SELECT count(*) FROM chat.conversation WHERE status = '
                      . "'open' AND assignee IS NOT NULL");
}


subtest 'nobody waits for a tick' => sub {
    policy('round_robin');
    here($dana);

    my $ann = $db->visitor($site);
    my $talk = $db->conversation($ann);
    my $other = $db->conversation($ann);
    my $tick = $db->session;
    my $fast = $db->session;

    $db->rows("UPDATE chat.conversation SET waiting_since = NULL WHERE id = "
              . "'$other'");
    $tick->rows('BEGIN');
    $tick->rows('SELECT * FROM chat.tick_2()');
    is($tick->value("SELECT assignee FROM chat.conversation WHERE id = "
                    . "'$talk'"), $dana->{id}, 'it gives one to an agent');

    $fast->rows("SET lock_timeout = '2s'");
    is(eval { $fast->value("SELECT outcome FROM chat.change_2("
           . $db->actor($sam) . ", '$other', NULL, '{\"assignee\": "
           . "\"$dana->{id}\"}', ARRAY[NULL, gen_random_uuid(), NULL]"
           . "::uuid[], '$epoch')") } // $@, 'ok',
       'who is assigned another meanwhile');
    is(eval { $fast->value("SELECT outcome FROM chat.agent_session_create_2("
           . "$site, '$dana->{id}', 'secret', '" . $db->uuid
           . "', sha256('dana again'), 0, NULL, NULL)") } // $@, 'ok',
       'or signs in');
    is(eval { $fast->value("UPDATE chat.agent SET availability = 'online' "
           . "WHERE id = '$dana->{id}' RETURNING 'ok'") } // $@, 'ok',
       'or says that she is there');

    $tick->rows('COMMIT');
    done();
};


subtest 'whose turn it is' => sub {
    here($dana, $sam);
    $db->rows('DELETE FROM chat.routed');

    # an hour ago and two hours ago, as ticks have left it

    $db->rows("INSERT INTO chat.routed (site, agent, at) VALUES ($site, "
        . "'$dana->{id}', now() - interval '1 hour'), ($site, '$sam->{id}', "
        . "now() - interval '2 hours')");

    my @who;

    for (1 .. 3) {
        my ($id) = waiting(1);

        $db->rows('SELECT * FROM chat.tick_2()');
        push @who, $db->value('SELECT assignee FROM chat.conversation WHERE '
                              . "id = '$id'");
    }

    is("@who", "$sam->{id} $dana->{id} $sam->{id}", 'goes on');
    done();

    # a crash empties it

    $db->rows('DELETE FROM chat.routed');
    waiting(4);
    $db->rows('SELECT * FROM chat.tick_2()');
    is(join(' ', map { $_->[0] } $db->rows('SELECT count(*) FROM '
           . "chat.conversation WHERE status = 'open' GROUP BY assignee")),
       '2 2', 'and begins anew when it is not known');
    done();
};


subtest 'as many as a tick moves' => sub {
    here($dana, $sam);
    waiting(120);

    my @ticks;

    while (@ticks < 100 && assigned() < 120) {
        my $before = assigned();
        $db->rows('SELECT * FROM chat.tick_2()');
        push @ticks, assigned() - $before;
    }

    is(assigned(), 120, 'all are given away');
    is_deeply([grep { $_ > 50 } @ticks], [], '50 at a time, or fewer')
        or diag("@ticks");

    # and back, when nobody is there any more

    here();
    @ticks = ();

    while (@ticks < 100 && assigned() > 0) {
        my $before = assigned();
        $db->rows('SELECT * FROM chat.tick_2()');
        push @ticks, $before - assigned();
    }

    is("@ticks", '50 50 20', 'they return likewise');
    done();
};


subtest 'a long line' => sub {
    here();
    waiting(300);

    my @told = map { [told()] } 1 .. 3;

    is(join(' ', map { scalar @$_ } @told), '200 100 0',
       'is told of 200 at a time');
    is_deeply([map { $_->[1] } map { @$_ } @told], [1 .. 300],
              'those in front first');

    my @line = map { $_->[0] } map { @$_ } @told;

    $db->rows("UPDATE chat.conversation SET status = 'resolved', "
              . "waiting_since = NULL WHERE id = '$line[0]'");

    my @step = told();

    is_deeply([map { $_->[1] } @step],
              [undef, 1 .. 20, map { 10 * $_ } 3 .. 29],
              'a step is told to the first 20, and to each tenth');
    is_deeply([map { $_->[0] } @step[0, 1, 20, 21]], [@line[0, 1, 20, 30]],
              'whom it concerns');
    is($db->value("SELECT body::json -> 'queue' ->> 'position' FROM "
                  . "chat.state('visitor', '$line[25]', 1)"), 25,
       'who asks is told the place of now');

    # a change of the policy ends the line for everybody

    policy('manual');

    my @end = map { [told()] } 1 .. 3;

    is(join(' ', map { scalar @$_ } @end), '200 99 0',
       'its end is told likewise');
    is_deeply([grep { defined } map { $_->[1] } map { @$_ } @end], [],
              'as no place');
    is($db->value('SELECT count(*) FROM chat.queue'), 0, 'nothing is left');
};

done_testing();
