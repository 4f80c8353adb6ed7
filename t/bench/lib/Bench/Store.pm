package Bench::Store;

# The private PostgreSQL of the benchmark, and databases with the module's
# schema that are filled beforehand.

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use Digest::SHA qw(hmac_sha256 sha256);
use MIME::Base64 qw(encode_base64url);
use Bench ();

our $Site = 'default';
my $kid = '00000001';
my $key = '5f' x 32;
my $issued = 1000 * time;
# changes with fill()
my $filling = 1;
my $agent_token = "\x41" x 32;

# as on a small server that somebody has looked after; checkpoints stay out
# of the short runs
my @settings = ('shared_buffers=512MB', 'max_wal_size=8GB',
                'checkpoint_timeout=30min', 'max_connections=200',
                'autovacuum_naptime=10s');


sub new {
    my ($class, $bench) = @_;

    return bless {bench => $bench, dir => $bench->dir . '/postgres',
                  tool => $bench->top . '/t/lib/cluster'}, $class;
}


sub tool {
    my ($self, @args) = @_;

    open my $in, '-|', $self->{tool}, @args or die "cluster: $!\n";
    my $out = do { local $/; <$in> } // '';
    close $in or die "cluster @args failed\n";
    chomp $out;

    return $out;
}

sub start {
    my ($self, @more) = @_;

    $self->tool('stop', $self->{dir});
    $self->{conninfo} = $self->tool('start', $self->{dir}, @settings, @more);
    $self->{running} = 1;

    return $self;
}

sub stop {
    my ($self) = @_;

    $self->tool('stop', $self->{dir}) if delete $self->{running};
}

sub pid { $_[0]->tool('pid', $_[0]{dir}) }

sub host { $_[0]{conninfo} =~ /host=(\S+)/ ? $1 : die "no host\n" }
sub conninfo { 'host=' . $_[0]->host . " dbname=$_[1] user=chat" }
sub super { 'host=' . $_[0]->host . " dbname=$_[1] user=postgres" }


# Runs SQL as the superuser; returns what it prints.

sub sql {
    my ($self, $database, $sql) = @_;

    my $file = $self->{bench}->dir . "/tmp/$$.sql";
    Bench::write_file($file, $sql);

    my $out = `psql -X -q -A -t -v ON_ERROR_STOP=1 '${\$self->super($database)}' -f $file 2>&1`;
    die "$database: $out" if $?;
    unlink $file;
    chomp $out;

    return $out;
}


# A new database, with the schema unless plain.

sub create {
    my ($self, $name, %opt) = @_;

    $self->sql('postgres', "DROP DATABASE IF EXISTS $name WITH (FORCE)");
    $self->sql('postgres', "CREATE DATABASE $name OWNER chat");
    return if $opt{plain};

    $self->migrate($name, $_) for $self->migrations;
}

sub migrate {
    my ($self, $name, $file) = @_;

    $self->sql($name, "SET ROLE chat; BEGIN;\n" . Bench::read_file($file)
                      . "\nCOMMIT;");
}

sub migrations {
    my ($self) = @_;

    return sort glob $self->{bench}->top . '/src/sql/[0-9]*_*.sql';
}


# The n-th conversation and visitor: UUIDs that grow, as those of version 7.

sub uuid {
    my ($letter, $n) = @_;

    my $hex = sprintf('%012x', $n) . '7' . substr(md5_hex("$letter$n"), 0, 3)
              . '8' . substr(md5_hex("$letter$n"), 3, 15);

    return join '-', unpack 'A8 A4 A4 A4 A12', $hex;
}

sub uuid_sql {
    my ($letter, $n) = @_;

    return "(lpad(to_hex($n), 12, '0') || '7' || substr(md5('$letter' || "
           . "$n), 1, 3) || '8' || substr(md5('$letter' || $n), 4, 15))"
           . "::uuid";
}


# Credentials.

sub token {
    my ($n) = @_;

    my $head = pack('C H8', 1, $kid) . substr(sha256($Site), 0, 8)
               . pack('H32', uuid('v', $n) =~ s/-//gr) . pack('q>', $issued);

    return encode_base64url($head . hmac_sha256("chat visitor\0$head",
                                                pack 'H*', $key));
}

sub agent_token { encode_base64url($agent_token) }
sub key_file { "$kid $key\n" }


# Fills a database: so many conversations of one visitor each, with so many
# messages each, one in five resolved if that is asked for.  There is one
# agent.

sub fill {
    my ($self, $name, $conversations, $messages, $resolved) = @_;

    my $visitor = uuid_sql('v', 'n');
    my $conversation = uuid_sql('c', 'n');
    $resolved = $resolved ? "true" : "false";

    my $hash = unpack 'H*', sha256($agent_token);

    # without their indexes and keys the rows of a new table go in fast

    my $large = $conversations * $messages > 100_000;
    my $drop = $large ? <<'_SQL_' : '';
ALTER TABLE chat.event DROP CONSTRAINT event_pkey;
DROP INDEX chat.event_client_msg_id, chat.event_xact;
DROP INDEX chat.conversation_status, chat.conversation_assignee;
_SQL_
    my $restore = $large ? <<'_SQL_' : '';
ALTER TABLE chat.event ADD PRIMARY KEY (conversation, seq);
CREATE UNIQUE INDEX event_client_msg_id
    ON chat.event (sender_id, client_msg_id, conversation)
    WHERE client_msg_id IS NOT NULL;
CREATE INDEX event_xact ON chat.event (xact, site);
CREATE INDEX conversation_status
    ON chat.conversation (site, status, active_minute);
CREATE INDEX conversation_assignee
    ON chat.conversation (site, assignee, status, active_minute);
_SQL_

    $self->sql($name, <<"_SQL_");
SELECT chat.site_put_1('$Site');
SELECT chat.agent_put_1('$Site', 'agent\@example.com', 'Dana', 'agent', 'x');

INSERT INTO chat.agent_session (id, site, agent, token_hash, expires_at,
                                ends_at, created_at)
SELECT gen_random_uuid(), a.site, a.id, '\\x$hash',
       now() + interval '12 hours', now() + interval '7 days', now()
  FROM chat.agent a;

BEGIN;
SET LOCAL session_replication_role = replica;
SET LOCAL maintenance_work_mem = '1GB';
SET LOCAL max_parallel_maintenance_workers = 2;
$drop
INSERT INTO chat.visitor (site, id, valid_from, created_at)
SELECT 1, $visitor, 0, now() FROM generate_series(0, $conversations - 1) n;

INSERT INTO chat.conversation (site, id, visitor, client_msg_id, status,
    assignee, last_seq, public_seq, message_seq, public_message_seq, pub, vis,
    active_minute, active_at, public_at, created_at)
SELECT 1, $conversation, $visitor, 'first',
       CASE WHEN $resolved AND n % 5 = 0 THEN 'resolved' ELSE 'open' END,
       CASE WHEN n % 3 = 0 THEN (SELECT id FROM chat.agent) END,
       $messages, $messages, $messages, $messages, $messages,
       ($messages + 1) / 2, extract(epoch FROM t) / 60, t, t, t
  FROM generate_series(0, $conversations - 1) n,
       LATERAL (SELECT date_trunc('milliseconds', now())
                       - (($conversations - n) * interval '20 seconds')) a (t);

INSERT INTO chat.event (site, conversation, seq, id, type, internal,
    sender_kind, sender_id, client_msg_id, pub, vis, text, created_at)
SELECT 1, c.id, s, gen_random_uuid(), 'message', false,
       CASE WHEN s % 2 = 1 THEN 'visitor' ELSE 'agent' END,
       CASE WHEN s % 2 = 1 THEN c.visitor ELSE a.id END,
       CASE WHEN s = 1 THEN 'first' ELSE 'm' || s END, s, (s + 1) / 2,
       'message ' || s || ' of a talk about order ' || abs(hashtext(c.id::text))
       || ', which has not arrived yet', c.created_at
  FROM chat.conversation c, chat.agent a, generate_series(1, $messages) s;
$restore
COMMIT;
_SQL_

    $self->sql($name, 'VACUUM (FREEZE, ANALYZE)');
}


# A database for traffic, made anew, and its file of variables: {1} is the
# visitor's token, {2} the conversation, {3} the visitor.

sub traffic {
    my ($self, $name, $conversations) = @_;

    $self->create($name);
    $self->fill($name, $conversations, 1);

    return $self->vars($name, 0 .. $conversations - 1);
}

sub vars {
    my ($self, $name, @n) = @_;

    my $file = $self->{bench}->dir . "/tmp/$name.vars";

    Bench::write_file($file, join '', map {
        join(' ', token($_), uuid('c', $_), uuid('v', $_)) . "\n"
    } @n);

    return $file;
}


# A database that is kept from one run of the benchmark to the next, as long
# as its migrations stay what they were; further ones are added.  Search knows
# all of its messages, or none.  Conversations have 20 messages, or as many as
# are asked for.

sub seeded {
    my ($self, $messages, $words, $each) = @_;

    my $name = "seed_$messages" . ($each ? "_by_$each" : '');
    $each //= 20;
    my @files = $self->migrations;
    my @sums = ($filling, map { md5_hex(Bench::read_file($_)) } @files);

    my @have = split / /, $self->sql('postgres',
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database "
        . "WHERE datname = '$name'");

    if (@have && @have <= @sums && "@have" eq "@sums[0 .. $#have]") {
        $self->migrate($name, $_) for @files[@have - 1 .. $#files];

    } else {
        $self->{bench}->progress("seeding $messages messages");
        $self->stop;
        $self->start('fsync=off', 'wal_level=minimal', 'max_wal_senders=0',
                     'autovacuum=off', 'full_page_writes=off',
                     'maintenance_work_mem=1GB');
        $self->create($name);
        $self->fill($name, $messages / $each, $each, 1);
        $self->stop;
        system 'sync';
        $self->start;
    }

    $self->sql('postgres', "COMMENT ON DATABASE $name IS '@sums'");

    # what a server does in the background

    $self->{bench}->progress("$messages messages: words for the search");
    $self->sql($name, 'UPDATE chat.search_state SET conversation = NULL, '
               . 'up = pg_snapshot_xmin(pg_current_snapshot())')
        if !$words;
    1 while $self->sql($name, 'SELECT more FROM chat.search_fill_1(20000)')
            eq 't';

    # the agent's session of then may have ended

    $self->sql($name, "UPDATE chat.agent_session SET expires_at = now() + "
        . "interval '12 hours', ends_at = now() + interval '7 days'");

    return $name;
}


# A copy of a database, for what writes into it.

sub copy {
    my ($self, $from, $name) = @_;

    $self->sql('postgres', "DROP DATABASE IF EXISTS $name WITH (FORCE)");
    $self->sql('postgres', "CREATE DATABASE $name OWNER chat TEMPLATE $from "
                           . 'STRATEGY file_copy');

    return $name;
}


1;
