# The schema: made by one of several workers, not without leave, and not used
# by a module it does not serve any more.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Nginx;

my $conninfo = ChatTest::postgres();
my $admin = $conninfo =~ s/dbname=\S+/dbname=postgres/r
                      =~ s/user=\S+/user=postgres/r;
my $database = "migrate_$$";

psql("CREATE DATABASE $database OWNER chat", $admin);
$conninfo =~ s/dbname=\S+/dbname=$database/;

sub nginx {
    my (%opt) = @_;
    return ChatTest::Nginx->new(postgres => $conninfo, %opt);
}

sub logged {
    my ($nginx, $pattern) = @_;
    my @lines;

    wait_until { @lines = grep { /$pattern/ } $nginx->log_lines };
    return scalar @lines;
}


my $nginx = nginx(workers => 1, ready => 0, http => 'chat_migrate off;');

$nginx->start;
ok(logged($nginx, 'the schema is missing, and "chat_migrate" is off'),
   'without leave the schema is missed');
is($nginx->client->get('/support/v1/ready')->status, 503, 'not ready');
is(psql("SELECT count(*) FROM pg_namespace WHERE nspname = 'chat'",
        $conninfo), 0, 'and not made');
$nginx->stop;


$nginx = nginx(workers => 4)->start;

my @made = grep { /chat migration "0001_init.sql"/ } $nginx->log_lines;

is(scalar @made, 1, 'of four workers one makes it');
is(psql('SELECT version >= 1 FROM chat.schema', $conninfo), 't',
   'and says which it is');

my $installation = psql('SELECT installation FROM chat.schema', $conninfo);

$nginx->reload;
is(psql('SELECT installation FROM chat.schema', $conninfo), $installation,
   'workers that come later leave it as it is');
is(scalar(grep { /chat migration "0001_init.sql"/ } $nginx->log_lines), 1,
   'as the log says');
$nginx->stop;


$nginx = nginx(workers => 1, http => 'chat_migrate off;')->start;
is($nginx->client->post('/support/v1/session', {mode => 'bearer'})->status,
   200, 'what somebody else made is used');
$nginx->stop;


psql('UPDATE chat.schema SET version = 900, oldest_module = 800', $conninfo);

$nginx = nginx(workers => 1, ready => 0);
$nginx->start;
ok(logged($nginx, 'schema 900 does not serve this version'),
   'a schema that is too new is refused');

my $answer = $nginx->client->post('/support/v1/session', {mode => 'bearer'});

is($answer->status, 503, 'with 503');
like($answer->header('Retry-After'), qr/^[1-9]\d*$/, 'and Retry-After');

psql('UPDATE chat.schema SET oldest_module = 1', $conninfo);
ok(eval { $nginx->wait_ready(30); 1 }, 'one that serves it again is used')
    or diag $nginx->tail;
is(logged($nginx, 'schema 900 does not serve this version'), 1,
   'it was logged once');
$nginx->stop;

psql("DROP DATABASE $database WITH (FORCE)", $admin);
done_testing();
