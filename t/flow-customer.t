# What agents see of a visitor beside a conversation: the others that he has
# had, and what the page has told of him.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Nginx;

my $nginx = ChatTest::Nginx->new(workers => 1,
    server => 'location /far/ { chat on; chat_site ' . site() . '-far; }')
    ->start;

agent('far', site => site() . '-far');

my $dana = $nginx->client(agent => 'dana');
my $far = $nginx->client(agent => 'far');
my $ann = $nginx->client(visitor => 'ann');
my $path = '/support/v1/visitors/' . visitor('ann');

sub pages {
    my ($what, $list, $limit) = @_;
    my ($page, @all);

    for (1 .. 20) {
        my $got = $dana->get("$path/$what?limit=$limit"
                             . ($page ? "&before=$page" : ''))->json;

        cmp_ok(scalar(@{$got->{$list}}), '<=', $limit, 'a page');
        push @all, @{$got->{$list}};
        $page = $got->{page};
        last unless $got->{more};
    }

    ok(!defined $page, 'the last one says so');

    return @all;
}


# Conversations

my @talks = map { conversation('ann', "talk $_") } 1 .. 5;
my $other = conversation('bob');

message($talks[1], 'note dana', 'the latest');

is_deeply([map { $_->{id} } pages('conversations', 'conversations', 2)],
          [@talks[1, 4, 3, 2, 0]], 'his conversations, the latest first');
is(contains($dana->get("$path/conversations?limit=1")->json,
            {more => JSON::PP::true, conversations => [
                {id => $talks[1], last => {text => 'the latest'}}]}), undef,
   'as agents see them');

psql("UPDATE chat.conversation SET erased_at = now() WHERE id = '$talks[0]'");
is(scalar(@{$dana->get("$path/conversations")->json->{conversations}}), 4,
   'one that was erased is not there');


# What the page tells

is($ann->post('/support/v1/track', [map { {name => "n$_", data => {n => $_},
                                           url => "https://shop.test/$_"} }
                                    1 .. 7])->status, 204, 'the page tells');

my @events = pages('track', 'events', 3);

is_deeply([map { $_->{name} } @events], [map { "n$_" } reverse 1 .. 7],
          'the latest first');
is(contains($events[0], {name => 'n7', data => {n => 7},
                         url => 'https://shop.test/7', at => '*'}), undef,
   'all of it');

psql("UPDATE chat.track SET created_at = now() - interval '31 days' "
     . "WHERE name <> 'n7' AND visitor = '" . visitor('ann') . "'");
is(scalar(@{$dana->get("$path/track")->json->{events}}), 1, 'for 30 days');

psql("UPDATE chat.site SET settings = settings || '{\"track_days\": 40}' "
     . 'WHERE id = ' . site_id());
is(scalar(@{$dana->get("$path/track")->json->{events}}), 7,
   'or as long as the site wants');
psql("UPDATE chat.site SET settings = settings || '{\"track_days\": 10}' "
     . 'WHERE id = ' . site_id());
is($ann->post('/support/v1/track', [{name => 'n8'}])->status, 204,
   'another one');
is(psql("SELECT string_agg(name, ' ' ORDER BY id) FROM chat.track "
        . "WHERE visitor = '" . visitor('ann') . "'"), 'n7 n8',
   'what is older is gone with it');
psql("DELETE FROM chat.track WHERE name = 'n8'");


# Who, and how

for my $what ('conversations', 'track') {
    is($ann->get("$path/$what")->status, 403, "$what: not the visitor");
    is($nginx->client->get("$path/$what")->status, 401, 'nobody');
    is($far->get('/far/v1/visitors/' . visitor('ann') . "/$what")->status,
       404, 'not another site');
    is($dana->get('/support/v1/visitors/' . uuid('none') . "/$what")->status,
       404, 'somebody unknown');
    is($dana->get("$path/$what?before=x")->status, 422, 'a bad page');
    is($dana->get("$path/$what?limit=x")->status, 422, 'a bad limit');
}


# The one whom the site says he is

psql("UPDATE chat.visitor SET merged_into = '" . visitor('bob') . "' "
     . "WHERE id = '" . visitor('ann') . "'");
is_deeply([map { $_->{id} } pages('conversations', 'conversations', 9)],
          [$other], 'somebody who was merged');

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
