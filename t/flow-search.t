# The words of messages get into their table while nginx runs, and what is
# said is found at once and afterwards.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Nginx;

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

# a visitor's list knows no search: it is the list, without what was found

my $list = found($ann, 'myth');

is(scalar(@$list), 1, 'a visitor gets the list');
unlike(JSON::PP::encode_json($list), qr/myth|match/, 'and nothing else');

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
