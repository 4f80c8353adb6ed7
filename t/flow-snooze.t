# A snoozed conversation wakes when its time has come: whoever watches it is
# told, and one that somebody holds waits for the next time.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Sql::Session;

my $nginx = ChatTest::Nginx->new(workers => 2)->start;
my $dana = $nginx->client(agent => 'dana');
my $id = conversation('ann');
my $held = conversation('bob');
my $path = '/support/v1/conversations';

sub snooze {
    my ($which) = @_;

    is($dana->request('PATCH', "$path/$which", json => {snoozed_until =>
           psql("SELECT chat.rfc3339(now() + interval '1 day')")})->status,
       200, 'snoozed');
}

sub due {
    my ($which) = @_;
    psql('UPDATE chat.conversation SET snoozed_until = now() '
         . "WHERE id = '$which'");
}

sub status { $dana->get("$path/$_[0]")->json->{status} }

snooze($id);
snooze($held);

my ($one, $two) = $nginx->worker_pids;
my @polls = map { $nginx->on($_, visitor => 'ann')
                        ->start('GET', "/support/v1/stream?conversation=$id"
                                       . '&since=' . cursor(3) . '&wait=50') }
            $one, $two;

psql('SELECT woken FROM chat.tick_1()');
is(status($id), 'snoozed', 'it sleeps');

my $holder = ChatTest::Sql::Session->new(ChatTest::postgres());

$holder->rows('BEGIN');
due($held);
$holder->rows("SELECT 1 FROM chat.conversation WHERE id = '$held' "
              . 'FOR UPDATE');
due($id);

for my $poll (@polls) {
    is(contains($poll->wait(30)->json, {events => [
           {type => 'status', status => 'open', visibility => 'public',
            sender => {kind => 'system'}}]}), undef,
       'a visitor of each worker is told that it wakes');
}

is(contains($dana->get("$path/$id")->json,
            {status => 'open', snoozed_until => undef, version => 4}), undef,
   'and an agent sees it');
is(status($held), 'snoozed', 'one that is held sleeps on');

$holder->rows('COMMIT');
ok(wait_until { status($held) eq 'open' }, 'until it is free');
is(psql("SELECT string_agg(seq || type, ',' ORDER BY seq) FROM chat.event "
        . "WHERE conversation = '$held'"),
   '1message,2status,3change,4status', 'once');

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
