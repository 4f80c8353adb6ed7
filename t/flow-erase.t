# Visitors who are kept out and let in again, and visitors of whom nothing is
# kept.

use strict;
use warnings;

use File::Find qw(find);
use Test::More;
use ChatTest;
use ChatTest::EventStream;
use ChatTest::Nginx;
use ChatTest::WebSocket;

my $uploads = build_dir('erase-files');
system('rm', '-rf', $uploads);

my $nginx = ChatTest::Nginx->new(workers => 2,
    http => "chat_upload_path $uploads;",
    server => 'location /far/ { chat on; chat_site ' . site() . '-far; }')
    ->start;

agent('sam', role => 'supervisor');
agent('far', site => site() . '-far', role => 'admin');
agent('ada', role => 'admin');

my %agent = map { $_ => $nginx->client(agent => $_) } qw(dana sam far ada);
my $v1 = '/support/v1';

sub is_like {
    my ($got, $want, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(contains($got, $want), undef, $name) or diag(explain($got));
}

sub last_audit {
    return $agent{ada}->get("$v1/audit?limit=1")->json->{entries}[0];
}


# Lists of agents, on each transport: next() of one is what it is told next.

sub lists {
    my $ws = ChatTest::WebSocket->new(port => $nginx->port, agent => 'dana');
    my $sse = ChatTest::EventStream->new(port => $nginx->port,
                                         agent => 'dana', query => 'inbox=');
    my $poll = $agent{dana};
    my @told;
    my $cursor = $poll->get("$v1/stream?inbox=&wait=0")->json->{inbox}{next};

    is($ws->ask(type => 'subscribe', inbox => {})->{type}, 'subscribed',
       'a list by WebSocket');
    ok($sse->next('subscribed', 30), 'by server-sent events');
    ok($cursor, 'by long poll');

    return ('WebSocket' => sub { $ws->next('conversation', 30) },
            'server-sent events' => sub { $sse->next('conversation', 30) },
            'long poll' => sub {
                wait_until {
                    my $inbox = $poll->get("$v1/stream?inbox=$cursor&wait=20")
                                     ->json->{inbox};
                    $cursor = $inbox->{next};
                    push @told, @{$inbox->{conversations}};
                } if !@told;
                return shift @told;
            });
}

sub leave {
    my ($lists, @ids) = @_;

    for my $transport (sort keys %$lists) {
        my %stay = map { $_ => 1 } @ids;

        while (%stay && (my $told = $lists->{$transport}->())) {
            next if $told->{in} || !delete $stay{$told->{id}};

            is(contains($told, {visitor => '!', last => '!'}), undef,
               "$transport: it leaves the list, and nothing is told of it");
        }

        is_deeply([keys %stay], [], "$transport: all of them");
    }
}


# Blocked

{
    my $id = visitor('rude');
    my $talk = conversation('rude', 'insults');
    my $path = "$v1/visitors/$id/block";
    my $rude = $nginx->client(visitor => 'rude');
    my $ws = ChatTest::WebSocket->new(port => $nginx->port,
                                      visitor => 'rude');
    my $own = ChatTest::WebSocket->new(port => $nginx->port, agent => 'dana');

    $ws->ask(type => 'subscribe', conversation => $talk);
    $own->ask(type => 'subscribe', conversation => $talk);

    is($rude->post($path)->status, 403, 'not by a visitor');
    is($agent{far}->post("/far/v1/visitors/$id/block")->status, 404,
       'nor from another site');

    my $got = $agent{dana}->post($path);

    is($got->status, 200, 'blocked');
    is_like($got->json, {visitor => {id => $id, blocked => JSON::PP::true}},
            'that is said');
    is_like(last_audit(), {action => 'visitor_block', object => $id,
                           actor => {name => 'Dana'}}, 'in the audit log');

    is(($ws->next('bye', 30) // {})->{code}, 4401, 'his stream ends');
    is($rude->post("$v1/conversations/$talk/messages",
                   {client_msg_id => 'a', text => 'more'})->status, 401,
       'he says nothing');

    $got = $rude->post("$v1/session", {mode => 'bearer'});
    is($got->status, 403, 'he gets no other session');
    is_like($got->json, {code => 'forbidden', detail => '~blocked'},
            'and is told why');

    is_like($agent{dana}->get("$v1/conversations/$talk")->json,
            {visitor => {blocked => JSON::PP::true}}, 'agents see it');
    is($agent{dana}->post("$v1/conversations/$talk/messages",
           {client_msg_id => 'd', text => 'good bye'})->status, 201,
       'and go on');
    is_like($own->next('message', 30), {text => 'good bye'},
            'their streams do too');

    is($agent{dana}->post($path)->status, 200, 'once more');
    is_like($agent{dana}->delete($path)->json,
            {visitor => {blocked => JSON::PP::false}}, 'let in again');
    is_like(last_audit(), {action => 'visitor_unblock'}, 'in the audit log');
    is_like($rude->post("$v1/session", {mode => 'bearer'})->json,
            {visitor => {id => $id}, conversations => [{id => $talk}]},
            'with what he had');
}


# Erased

{
    my $id = visitor('ann', name => 'Ann Zebra');
    my @talks = map { conversation('ann', "zebra $_") } 1, 2;
    my $other = conversation('bob', 'a zebra as well');
    my $ann = $nginx->client(visitor => 'ann');
    my $path = "$v1/visitors/$id";
    my $file = $ann->request('PUT', "$v1/attachments/zebra.txt",
                             body => 'stripes')->json->{id};

    is($ann->patch("$v1/session", {email => 'zebra@a.test',
                                   attributes => {plan => 'zebra'}})->status,
       200, 'what he said of himself');
    is($ann->request('POST', "$v1/session",
                     headers => ['User-Agent: Zebra/1.0'],
                     json => {mode => 'bearer', time_zone => 'Etc/Zebra'})
       ->status, 200, 'what his browser said');
    is_like($agent{dana}->get("$v1/conversations/$talks[0]")->json,
            {visitor => {user_agent => 'Zebra/1.0',
                         time_zone => 'Etc/Zebra'}}, 'agents see it');
    is($ann->post("$v1/conversations/$talks[0]/messages",
                  {client_msg_id => 'f', attachments => [$file]})->status,
       201, 'a file');
    is($ann->post("$v1/track", [{name => 'zebra'}])->status, 204, 'a page');
    is($ann->post("$v1/conversations/$talks[0]/messages",
                  {client_msg_id => 'e', text => 'zebr'})->status, 201,
       'a typo');
    is($ann->patch("$v1/conversations/$talks[0]/messages/3",
                   {text => 'zebra'})->status, 200, 'a change');
    message($talks[0], 'note sam', 'a zebra, I think');
    $agent{dana}->post("$v1/conversations/$talks[1]/read", {seq => 1});

    # a log that is not deleted in one bite

    psql("INSERT INTO chat.event (site, conversation, seq, pub, vis, "
         . 'created_at, internal, id, sender_kind, type, text) SELECT '
         . site_id() . ", '$talks[1]', n, n, n, now(), false, "
         . "gen_random_uuid(), 'visitor', 'message', 'zebra' FROM "
         . "generate_series(2, 2500) n; UPDATE chat.conversation SET "
         . "last_seq = 2500, public_seq = 2500 WHERE id = '$talks[1]'");

    my %stream = (ann => ChatTest::WebSocket->new(port => $nginx->port,
                                                  visitor => 'ann'),
                  dana => ChatTest::WebSocket->new(port => $nginx->port,
                                                   agent => 'dana'));

    $_->ask(type => 'subscribe', conversation => $talks[0])
        for values %stream;

    my %lists = lists();
    my $far = $agent{far}->get('/far/v1/stream?inbox=&wait=0')
                         ->json->{inbox}{next};

    is($agent{dana}->delete($path)->status, 403, 'not by an agent');
    is($ann->delete($path)->status, 403, 'nor by the visitor');
    is($agent{far}->delete("/far/v1/visitors/$id")->status, 404,
       'nor from another site');
    is_like($agent{sam}->delete($path)->json,
            {visitor => {id => $id, erased => JSON::PP::true},
             conversations => 2}, 'by a supervisor');

    # at once

    is($agent{dana}->get("$v1/conversations/$_")->status, 410, 'it is gone')
        for @talks;
    isnt($agent{dana}->get("$v1/attachments/$file")->status, 200, 'and files');
    is_deeply([grep { $_->{id} ne $other } @{$agent{dana}->get(
                   "$v1/conversations?q=zebra")->json->{conversations}}], [],
              'nobody finds it');
    is($agent{dana}->get("$path/conversations")->status, 410,
       'there was somebody');
    is($agent{sam}->delete($path)->status, 410, 'once more');
    is($ann->get("$v1/conversations")->status, 401, 'his token has ended');
    like(($stream{ann}->next('bye', 30) // {})->{code}, qr/^44(?:01|10)$/,
         'his stream ends');
    is_like(last_audit(), {action => 'visitor_erase', object => $id,
                           data => {conversations => 2},
                           actor => {name => 'Sam'}}, 'in the audit log');

    leave(\%lists, @talks);
    is_deeply($agent{far}->get("/far/v1/stream?inbox=$far&wait=0")
                         ->json->{inbox}{conversations}, [],
              'another site hears nothing of it');

    # afterwards

    ok(wait_until(sub { !psql('SELECT count(*) FROM chat.erasure') }),
       'a long log goes in bites');

    my $ids = join ', ', map { "'$_'" } @talks;

    for my $table (qw(event read_mark search event_history)) {
        is(psql("SELECT count(*) FROM chat.$table WHERE conversation IN "
                . "($ids)"), 0, "nothing in $table");
    }

    for my $table (qw(visitor conversation attachment track consent audit)) {
        is(psql("SELECT count(*) FROM chat.$table t WHERE "
                . ($table eq 'conversation' ? "id IN ($ids)" : 'true')
                . " AND t::text ILIKE '%zebra%' AND site = " . site_id()), 0,
           "nor in $table");
    }

    is(psql("SELECT text FROM chat.event WHERE conversation = '$other'"),
       'a zebra as well', 'what others said is there');

    $nginx->reload;
    ok(wait_until(sub {
        my $files = 0;
        find({no_chdir => 1, wanted => sub { $files++ if /\Q$file\E$/ }},
             $uploads);
        !$files && !psql("SELECT count(*) FROM chat.attachment WHERE id = "
                         . "'$file'");
    }, 60), 'nor on the disk');
}

# Deleted by whoever keeps the store

{
    my $talk = conversation('carl', 'old');
    my %lists = lists();

    psql("DELETE FROM chat.conversation WHERE id = '$talk'");
    leave(\%lists, $talk);
}

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
