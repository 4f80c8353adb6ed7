# The words of messages get into their table while nginx runs, and what is
# said is found at once and afterwards.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Postgres;

my $postgres = ChatTest::Postgres->new('own', 'fsync=off');

$ENV{TEST_NGINX_POSTGRES} = $postgres->start;

my $nginx = ChatTest::Nginx->new(workers => 2)->start;
my $dana = $nginx->client(agent => 'dana');
my $ann = $nginx->client(visitor => 'ann');
my $id = conversation('ann');
my $path = "/support/v1/conversations/$id";

sub found {
    my ($client, $q) = @_;

    return $client->get("/support/v1/conversations?q=$q")->json
                  ->{conversations};
}

sub known {
    my ($seq) = @_;

    return wait_until { psql('SELECT count(*) FROM chat.search WHERE '
        . "conversation = '$id' AND seq = $seq") };
}

is($ann->post("$path/messages", {client_msg_id => 'a',
                                 text => 'the zeppelin is late'})->status,
   201, 'sent');
is(contains(found($dana, 'zeppelin'),
            [{id => $id, match => {seq => 2, text => 'the zeppelin is late',
                                   visibility => 'public'}}]), undef,
   'found at once');
ok(known(2), 'a worker puts it into the table');
is(contains(found($dana, 'zepp'), [{id => $id, match => {seq => 2}}]), undef,
   'and it is found there');

is($dana->post("$path/messages", {client_msg_id => 'b',
       text => 'zeppelins are a myth', visibility => 'internal'})->status,
   201, 'a note');
ok(known(3), 'is known as well');
is(contains(found($dana, 'myth'), [{id => $id,
       match => {seq => 3, visibility => 'internal'}}]), undef,
   'to agents');

# a query as URLSearchParams writes it

is($ann->post("$path/messages", {client_msg_id => 'c',
       text => 'mail ann+order@shop.test, or call 1+1'})->status, 201,
   'a text with signs');
is(contains(found($dana, $_->[0]), [{id => $id, match => {seq => $_->[1]}}]),
   undef, "?q=$_->[0] finds it")
    for ['zeppelin+is+late', 2], ['%22zeppelin+is%22+late', 2],
        ['late+is:open+zepp', 2], ['zeppelin%20is', 2], ['+zeppelin+late+', 2],
        ['ann%2Border%40shop.test', 4], ['ann%2border@shop.test', 4],
        ['call+%221%2B1%22', 4];
is(scalar(@{found($dana, '%22late+zeppelin%22')}), 0,
   'words together are in their order');
is($dana->get("/support/v1/conversations?label=a%2Bb+c")->status, 200,
   'a label');
is($dana->get("/support/v1/conversations?status=+open")->status, 422,
   'a blank is a blank');

# a visitor's list knows no search: it is the list, without what was found

my $list = found($ann, 'myth');

is(scalar(@$list), 1, 'a visitor gets the list');
unlike(JSON::PP::encode_json($list), qr/myth|match/, 'and nothing else');


# after a crash it goes on where it was, in the segment that it has begun

sub segments {
    return psql('SELECT id, rank, size FROM chat.search_segment ORDER BY id');
}

ok(known(4), 'the last message is known');

my ($segment, $size) = segments() =~ /^(\d+\|\d+)\|(\d+)$/;

is($size, psql('SELECT count(*) FROM chat.search'),
   'a segment has what is in the table');
$nginx->stop;
$postgres->stop('immediate');
$postgres->start;

my $seq = 0 + message($id, 'visitor ann', 'blimps, perhaps');

$nginx->start;
ok(known($seq), 'what is said later is known');
is(segments(), $segment . '|' . ($size + 1), 'in the same segment');
is(contains(found($dana, $_->[0]), [{id => $id, match => {seq => $_->[1]}}]),
   undef, "$_->[0] is found") for ['zeppelin', 3], ['blimps', $seq];

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');
$postgres->stop;

done_testing();
