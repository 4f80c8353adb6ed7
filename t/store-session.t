# The schema and its epoch, sites, visitors, agents and their sessions.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use JSON::PP ();
use ChatTest::Sql;

my $db = ChatTest::Sql->new;
my $epoch = $ChatTest::Sql::Epoch;
my $site = $db->site('shop');

sub decode { JSON::PP->new->utf8->decode($_[0]) }

sub start {
    my ($visitor, %opt) = @_;

    my ($r) = $db->rows('SELECT * FROM chat.session_start_1('
        . join(', ', $opt{site} // $site, ChatTest::quote($visitor->{id}),
               $visitor->{issued} // 'NULL', "'" . $db->uuid . "'",
               ChatTest::quote($opt{locale}), ChatTest::quote($opt{page}),
               "'$epoch'") . ')');

    return ($r->[0], {site => $opt{site} // $site, kind => 'visitor',
                      id => $r->[1], issued => $r->[2]}, decode($r->[3]));
}


subtest 'the schema' => sub {
    my @files = $db->files;
    my ($info) = $db->rows('SELECT * FROM chat.schema_info_1()');

    is($info->[0], scalar @files, 'its version is the last file\'s number');
    is(join(' ', map { m{/(\d{4})_} } @files),
       join(' ', map { sprintf '%04d', $_ } 1 .. @files), 'dense numbers');
    is($info->[1], 1);
    like($info->[2], qr/^[0-9a-f-]{36}\z/);
    like($info->[3], qr/^[0-9a-f]{16}\z/);
    is($db->value('SELECT chat.ping_1()'), 1);

    is(($db->rows('SELECT * FROM chat.schema_info_1()'))[0][3], $info->[3],
       'the epoch stays');
    my $new = $db->value('SELECT chat.new_epoch()');
    isnt($new, $info->[3], 'until it is changed');
    is(($db->rows('SELECT * FROM chat.schema_info_1()'))[0][3], $new);
    is(($db->session->rows('SELECT * FROM chat.schema_info_1()'))[0][3],
       $new, 'for everybody');

    $db->rows("UPDATE chat.schema SET installation = gen_random_uuid()");
    isnt(($db->rows('SELECT * FROM chat.schema_info_1()'))[0][3], $new,
         'another installation');

    my $session = $db->session;
    my $warnings = sub {
        ($session->rows('SELECT * FROM chat.schema_info_1()'))[0][4]
    };
    my $fsync = $db->value('SHOW fsync') eq 'off' ? 'fsync' : '';

    is($warnings->(), $fsync);
    $session->rows('SET synchronous_commit = off');
    is($warnings->(), join ',', grep { length } $fsync,
                      'synchronous_commit');

    eval { $db->rows("INSERT INTO chat.schema (one, version, oldest_module)"
                     . " VALUES (true, 9, 9)") };
    is($@, "sqlstate 23505\n", 'one row');
};


subtest 'sites' => sub {
    my $before = $db->value('SELECT pg_current_xact_id()');
    is($db->site('shop'), $site);
    is($db->value('SELECT pg_current_xact_id()'), $before + 1,
       'writes nothing when it is there');
    isnt($db->site('other'), $site);

    for my $bad ('', 'Shop', 'a b', 'x' x 33) {
        eval { $db->site($bad) };
        is($@, "sqlstate 23514\n", "\"$bad\" is no name");
    }

    my @sessions = map { $db->session } 1 .. 4;
    $_->send("SELECT chat.site_put_1('race')") for @sessions;
    my %ids = map { ($_->result)[0][0] => 1 } @sessions;
    is(scalar keys %ids, 1, 'made once');
};


subtest 'visitors' => sub {
    my ($o, $ann, $body) = start({}, locale => 'he', page => '/cart');

    is($o, 'created');
    is_deeply($body, {
        visitor => {id => $ann->{id}, name => undef,
                    verified => JSON::PP::false()},
        site => {name => 'shop', locale => undef, theme => undef},
        conversations => []});
    is($db->value("SELECT locale || ' ' || page FROM chat.visitor "
                  . "WHERE id = '$ann->{id}'"), 'he /cart');

    my $c = $db->conversation($ann);
    my $again;
    ($o, $again, $body) = start($ann, page => '/pay');
    is("$o $again->{id}", "ok $ann->{id}");
    cmp_ok($again->{issued}, '>=', $ann->{issued});
    is($body->{conversations}[0]{id}, $c);
    is($db->value("SELECT locale || ' ' || page FROM chat.visitor "
                  . "WHERE id = '$ann->{id}'"), 'he /pay');

    $db->conversation($ann) for 1 .. 24;
    (undef, undef, $body) = start($ann);
    is(scalar @{$body->{conversations}}, 20);

    my %invalid = (
        'another site' => [$ann, site => $db->site('other')],
        'an older token' => [{%$ann, issued => $ann->{issued} - 1}],
        'an unknown one' => [{%$ann, id => $db->uuid}],
    );

    for my $name (sort keys %invalid) {
        my $new;
        ($o, $new, $body) = start(@{$invalid{$name}});
        is($o, 'created', $name);
        isnt($new->{id}, $ann->{id}, 'is somebody new');
        is_deeply($body->{conversations}, []);
    }

    $db->rows("UPDATE chat.visitor SET valid_from = chat.ms(now()) + 50000 "
              . "WHERE id = '$ann->{id}'");
    is((start($ann))[0], 'created', 'revoked');
    ($o, $again) = start({%$ann, issued => $ann->{issued} + 100000});
    is($o, 'ok');
    is($again->{issued}, $db->value("SELECT valid_from FROM chat.visitor "
        . "WHERE id = '$ann->{id}'"), 'never issued before valid_from');
};


subtest 'agents' => sub {
    my $put = sub {
        return $db->value("SELECT chat.agent_put_1('shop', '$_[0]', "
                          . "'$_[1]', '$_[2]', '$_[3]')");
    };
    my $login = sub {
        my ($r) = $db->rows("SELECT * FROM chat.agent_login_1("
                            . ($_[1] // $site) . ", '$_[0]')");
        return join ' ', @{$r // []};
    };

    my $id = $put->('Dana@Example.com', 'Dana', 'agent', 'hash');
    is($put->('dana@example.COM', 'Dana', 'agent', 'hash'), $id,
       'one for an e-mail, whatever its case');
    is($login->('DANA@example.com'), "$id Dana Dana\@Example.com agent hash");
    is($login->('nobody@example.com'), '');
    is($login->('dana@example.com', $db->site('other')), '');

    my $session = sub {
        my ($agent, $password, $at) = @_;
        my $s = $db->uuid;
        my ($r) = $db->rows('SELECT * FROM chat.agent_session_create_1('
            . ($at // $site) . ", '$agent', '$password', '$s', "
            . "sha256('$s'))");
        return ($s, @$r);
    };
    my $find = sub {
        my ($s, $at) = @_;
        my ($r) = $db->rows('SELECT * FROM chat.agent_session_get_1('
                            . ($at // $site) . ", sha256('$s'))");
        return $r;
    };

    my ($s, $o, $body, $expires) = $session->($id, 'hash');
    is($o, 'ok');
    my $hours = ($expires - $db->value('SELECT chat.ms(now())')) / 3600000;
    is(sprintf('%.1f', $hours), '12.0');
    is_deeply(decode($body)->{agent},
        {id => $id, name => 'Dana', email => 'Dana@Example.com',
         role => 'agent', totp => JSON::PP::false});
    my $r = $find->($s);
    is_deeply([@$r[0 .. 5]], [$s, $id, 'Dana', 'Dana@Example.com', 'agent',
                              $expires]);
    is_deeply(decode($r->[6]), decode($body));

    is(($session->($id, 'other'))[1], 'unauthenticated',
       'the password has changed');
    is(($session->($id, 'hash', $db->site('other')))[1], 'unauthenticated');
    is($find->($s, $db->site('other')), undef, 'a session of another site');
    is($find->($db->uuid), undef);

    $db->rows("UPDATE chat.agent_session SET expires_at = now() + "
              . "interval '1 hour' WHERE id = '$s'");
    is($find->($s)[5] >= $expires, 1, 'use moves the expiry');
    my $moved = $find->($s)[5];
    is($find->($s)[5], $moved, 'not with every use');

    $db->rows("UPDATE chat.agent_session SET expires_at = now() + interval "
        . "'1 hour', ends_at = date_trunc('second', now()) + interval "
        . "'2 hours' WHERE id = '$s'");
    is($find->($s)[5], $db->value("SELECT chat.ms(ends_at) FROM "
        . "chat.agent_session WHERE id = '$s'"), 'up to its end');

    $db->rows("UPDATE chat.agent_session SET expires_at = now() - "
              . "interval '1 second' WHERE id = '$s'");
    is($find->($s), undef, 'expired');

    ($s) = $session->($id, 'hash');
    is($db->value("SELECT * FROM chat.agent_session_end_1("
                  . $db->site('other') . ", '$s')"), 'not_found');
    ok($find->($s));
    is($db->value("SELECT * FROM chat.agent_session_end_1($site, '$s')"),
       'ok');
    is($find->($s), undef, 'signed out');
    is($db->value("SELECT * FROM chat.agent_session_end_1($site, '$s')"),
       'not_found');

    my $ann = (start({}))[1];
    my $c = $db->conversation($ann);
    my $dana = {site => $site, kind => 'agent', id => $id, issued => 0};
    my $outcome = sub {
        my ($r) = $db->append({actor => {%$dana, session => $_[0]},
                               to => $c, key => $db->uuid});
        return $r->{outcome};
    };

    is($outcome->($s), 'unauthenticated', 'a session that has ended');
    ($s) = $session->($id, 'hash');
    is($outcome->($s), 'created');
    $db->rows("UPDATE chat.agent_session SET expires_at = now() - "
              . "interval '1 second' WHERE id = '$s'");
    is($outcome->($s), 'unauthenticated', 'expired');

    ($s) = $session->($id, 'hash');
    is($put->('dana@example.com', 'Dana L', 'admin', 'hash'), $id);
    is($find->($s)[2] . $find->($s)[4], 'Dana Ladmin', 'keeps sessions');
    $put->('dana@example.com', 'Dana L', 'admin', 'new hash');
    is($find->($s), undef, 'a new password ends them');

    ($s) = $session->($id, 'new hash');
    $db->rows("UPDATE chat.agent SET disabled_at = now() WHERE id = '$id'");
    is($find->($s), undef, 'disabled');
    is($login->('dana@example.com'), '');
    is($outcome->($s), 'unauthenticated');
    is(($session->($id, 'new hash'))[1], 'unauthenticated');

    eval { $put->('x@example.com', 'X', 'owner', 'hash') };
    is($@, "sqlstate 23514\n", 'a role that is none');
};


subtest 'notifications' => sub {
    my $session = $db->session;

    $session->rows('LISTEN chat');
    $db->rows("SELECT chat.notify_1('payload')");

    my @rows = $session->rows('SELECT 1');
    push @rows, $session->rows('SELECT 1') if @rows < 2;
    like(join(' ', map { @$_ } @rows),
         qr/notification "chat" with payload "payload"/);
};


subtest 'a conversation that is deleted takes its events' => sub {
    my $ann = (start({}))[1];
    my ($c, $d) = ($db->conversation($ann), $db->conversation($ann));

    $db->rows('SELECT * FROM chat.read_1(' . $db->actor($ann)
              . ", '$c', 1)");
    $db->rows("DELETE FROM chat.conversation WHERE id = '$c'");
    is_deeply([$db->log($c)], []);
    is_deeply([$db->log($d)], ['1:hello']);
};


done_testing();
