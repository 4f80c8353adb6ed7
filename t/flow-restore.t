# R4.  A dump is restored as docs/operations.md says: clients that have seen
# more than is in it are told, and rebuild what they show from what there is.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Postgres;

my $postgres = ChatTest::Postgres->new('own', 'fsync=off');
my $conninfo = $postgres->start;
my $nginx = ChatTest::Nginx->new(workers => 1, postgres => $conninfo);
my $dump = $nginx->root . '/chat.dump';

$nginx->start;

sub run {
    my (@command) = @_;
    is(system(@command), 0, "$command[0] works");
}

sub send_message {
    my ($visitor, $path, $n) = @_;
    return $visitor->post("$path/messages", {client_msg_id => "m-$n",
                                             text => "message $n"});
}

my $token = $nginx->client->post('/support/v1/session', {mode => 'bearer'})
                  ->json->{token};
my $visitor = $nginx->client(token => $token);
my $id = $visitor->post('/support/v1/conversations',
                        {client_msg_id => 'm-1', text => 'message 1'})
                 ->json->{id};
my $path = "/support/v1/conversations/$id";

send_message($visitor, $path, $_) for 2, 3;
run('pg_dump', '-Fc', '-f', $dump, $conninfo);

send_message($visitor, $path, $_) for 4, 5;
my $next = $visitor->get("$path/events")->json->{next};
$nginx->stop;


# into another database of the same cluster, and so of the same time line

my ($restored) = $conninfo =~ s/dbname=\w+/dbname=postgres/r;
run('psql', '-Xqd', $restored =~ s/user=\w+/user=postgres/r,
    '-c', 'CREATE DATABASE restored OWNER chat');

$restored = $conninfo =~ s/dbname=\w+/dbname=restored/r;
run('pg_restore', '--no-owner', '-d', $restored, $dump);

$nginx->{postgres} = $restored;
run('psql', '-Xqo', '/dev/null', '-d', $restored,
    '-c', 'SELECT chat.new_epoch()');
$nginx->start;


my $answer = $visitor->get("/support/v1/stream?conversation=$id&since=$next")
                     ->json;

is(contains($answer, {complete => JSON::PP::false, reason => 'epoch'}), undef,
   'a cursor of before is answered as one of another history');
is_deeply([map { $_->{text} } @{$answer->{events}}],
          [map { "message $_" } 1 .. 3], 'with what there is');

my $sent = send_message($visitor, $path, 4);
is($sent->status, 201, 'what the dump does not have is stored when repeated');

my $again = send_message($visitor, $path, 3);
is($again->status, 200, 'and what it has is a duplicate');

$answer = $visitor->get("/support/v1/stream?conversation=$id"
                        . "&since=$answer->{next}")->json;
is_deeply([map { $_->{text} } @{$answer->{events}}], ['message 4'],
          'the log goes on');

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

$postgres->stop;
done_testing();
