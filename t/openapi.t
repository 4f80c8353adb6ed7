# What the API answers is what docs/openapi.yaml says: members, types, status
# and media type of answers of success and of refusals.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha1);
use Test::More;
use ChatTest;
use ChatTest::Api;
use ChatTest::Nginx;

my $files = build_dir("openapi-files-$$");
my $nginx = ChatTest::Nginx->new(workers => 1,
    http => "chat_upload_path $files;")->start;
my $api = ChatTest::Api->new;
my $true = JSON::PP::true;

agent('root', role => 'admin', name => 'Root');
agent('dana', name => 'Dana', password => '$scrypt$ln=14,r=8,p=1$'
      . 'AAAAAAAAAAAAAAAAAAAAAA$' . 'A' x 43);

# the answer to somebody, which is compared

sub ask {
    my ($who, $method, $path, $json, %opt) = @_;
    my $token = !defined $who ? undef
        : $who =~ /^visitor (.*)/ ? visitor_token($1)
        : $who =~ /^agent (.*)/ ? agent_token($1) : $who;

    $path = "/support/$path";

    my $answer = $nginx->client->request($method, $path, token => $token,
        (defined $json ? (json => $json) : ()), %opt);
    my @differences = $api->check($method, $path, $answer);

    is(join("\n", @differences), '', "$method $path: " . $answer->status)
        or diag($answer->body);
    return $answer->header('Content-Type') =~ /json/ ? $answer->json : undef
        if defined $answer->header('Content-Type');
    return;
}


# pages

ask(undef, 'GET', $_) for 'w.js', 'console/', 'v1/live', 'v1/ready';

my ($asset) = $nginx->client->get('/support/console/')->body
              =~ m{assets/([^"]+)"};

ask(undef, 'GET', "assets/$asset");
ask(undef, 'GET', 'assets/none.js');
ask(undef, 'GET', 'console');


# a site, and people

my $site = ask('agent root', 'GET', 'v1/site');

ask('agent root', 'PATCH', 'v1/site', {version => $site->{version},
    title => {en => 'Shop'}, locale => 'en',
    theme => {accent => '#112233', scheme => 'auto', side => 'end'},
    prechat => {text => 'First', fields => [{name => 'name',
        required => $true}, {name => 'order', label => {en => 'Order'},
        type => 'text'}]},
    away => {text => 'Later', email => $true},
    consent => {version => '1', text => 'We keep it.',
                url => 'https://x.test/'},
    origins => ['https://x.test'], track_days => 90});
ask('agent root', 'PATCH', 'v1/site', {version => 1});
ask('agent root', 'PATCH', 'v1/site', {version => 2, theme => {a => 1}});
ask('agent dana', 'PATCH', 'v1/site', {version => 2});

my $key = ask('agent root', 'POST', 'v1/site/keys',
              {kid => 'a', alg => 'HS256'});

ask('agent root', 'POST', 'v1/site/keys', {kid => 'b', alg => 'HS256'});
ask('agent root', 'POST', 'v1/site/keys', {kid => 'c', alg => 'HS256'});
ask('agent root', 'GET', 'v1/site/keys');
ask('agent root', 'DELETE', "v1/site/keys/$key->{id}") for 1, 2;

my $program = ask('agent root', 'POST', 'v1/keys', {name => 'Orders',
    scopes => ['conversations:read', 'conversations:write']});

ask('agent root', 'POST', 'v1/keys', {name => 'x', scopes => ['x']});
ask('agent root', 'GET', 'v1/keys');

my $eve = ask('agent root', 'POST', 'v1/agents', {name => 'Eve',
              email => 'eve@x.test', capacity => 3});
my $eva = $eve->{agent}{id};

ask('agent root', 'POST', 'v1/agents', {name => 'Eve', email => 'x'});
ask('agent root', 'POST', "v1/agents/$eva/setup");

my $again = ask('agent root', 'POST', "v1/agents/$eva/setup");

ask(undef, 'POST', 'v1/agent/setup',
    {token => $again->{token}, password => 'a long password'});
ask(undef, 'POST', 'v1/agent/setup',
    {token => $again->{token}, password => 'a long password'});

my $session = ask(undef, 'POST', 'v1/agent/session', {mode => 'bearer',
    email => 'eve@x.test', password => 'a long password'});

ask(undef, 'POST', 'v1/agent/session', {mode => 'bearer',
    email => 'eve@x.test', password => 'another password'});
ask($session->{token}, 'GET', 'v1/agent/session');
ask(undef, 'GET', 'v1/agent/session');

# a second factor comes, and goes in either way; a code is RFC 6238's

sub code {
    my ($secret) = @_;
    my $bits = join '', map {
        sprintf '%05b', index 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', $_
    } split //, $secret;
    my $mac = hmac_sha1(pack('Q>', int(time / 30)), pack('B*', $bits));
    my $at = ord(substr $mac, -1) & 15;

    return sprintf '%06d', (unpack('N', substr $mac, $at, 4) & 0x7fffffff)
                           % 1_000_000;
}

for my $end (0, 1) {
    my $factor = ask($session->{token}, 'POST', 'v1/agent/totp');

    ask($session->{token}, 'POST', 'v1/agent/totp/confirm', {code => 'x'});
    ask($session->{token}, 'POST', 'v1/agent/totp/confirm',
        {code => code($factor->{secret})});
    ask($session->{token}, 'POST', 'v1/agent/totp');
    ask(undef, 'POST', 'v1/agent/session', {mode => 'bearer',
        email => 'eve@x.test', password => 'a long password'});
    ask($session->{token}, 'DELETE', 'v1/agent/totp', {password => 'x'});
    $end ? ask('agent root', 'DELETE', "v1/agents/$eva/totp")
         : ask($session->{token}, 'DELETE', 'v1/agent/totp',
               {password => 'a long password'});
}

ask('agent root', 'GET', 'v1/agents');
ask('agent dana', 'GET', 'v1/agents');
ask('agent root', 'GET', "v1/agents/$eva");
ask('agent root', 'PATCH', "v1/agents/$eva", {availability => 'busy'});
ask('agent root', 'PATCH', "v1/agents/$eva", {role => 'king'});

my $list = ask('agent root', 'GET', "v1/agents/$eva/sessions");

ask('agent root', 'GET', 'v1/agents/' . uuid('none') . $_)
    for '', '/sessions';

ask('agent root', 'DELETE', "v1/agent/sessions/$list->{sessions}[0]{id}")
    for 1, 2;
ask('agent root', 'DELETE', "v1/agents/$eva/sessions");
agent('gone');
ask(agent_token('gone'), 'DELETE', 'v1/agent/session');

my $team = ask('agent root', 'POST', 'v1/teams', {name => 'Money',
               members => [$eva]});

ask('agent root', 'POST', 'v1/teams', {name => 'money'});
ask('agent root', 'PATCH', "v1/teams/$team->{id}", {name => 'Bills'});
ask('agent dana', 'GET', 'v1/teams');

my $label = ask('agent root', 'POST', 'v1/labels', {name => 'vip',
                color => '#ff0000'});

ask('agent root', 'POST', 'v1/labels', {name => 'plain'});
ask('agent dana', 'GET', 'v1/labels');

my $canned = ask('agent root', 'POST', 'v1/canned', {shortcut => 'hi',
                 text => 'Hello', locale => 'en'});

ask('agent root', 'POST', 'v1/canned', {shortcut => 'bye', text => 'Bye'});
ask('agent root', 'PATCH', "v1/canned/$canned->{id}", {title => 'Greeting'});
ask('agent dana', 'GET', 'v1/canned');


# visitors

my $visitor = ask(undef, 'POST', 'v1/session', {mode => 'bearer',
    locale => 'en', page => 'https://x.test/', time_zone => 'Asia/Jerusalem'});

ask(undef, 'POST', 'v1/session', {mode => 'bearer', identity => 'x'});
ask(undef, 'POST', 'v1/session', {mode => 'bearer', site => 'far'});

my $ann = $visitor->{token};

ask($ann, 'PATCH', 'v1/session', {name => 'Ann', consent => '1',
    email => 'ann@x.test', attributes => {order => 'A-1', n => 2}});
ask($ann, 'PATCH', 'v1/session', {email => 'x'});
ask($ann, 'POST', 'v1/track', [{name => 'page', url => 'https://x.test/'}]);
ask($ann, 'POST', 'v1/track', []);
ask('agent dana', 'PATCH', "v1/visitors/$visitor->{visitor}{id}",
    {attributes => {plan => 'gold', vip => $true}});


# a conversation with all that there is

my $made = ask($ann, 'POST', 'v1/conversations',
               {client_msg_id => 'a', text => 'Hello'});
my $id = $made->{id};
my $talk = "v1/conversations/$id";

ask($ann, 'POST', 'v1/conversations', {client_msg_id => 'a', text => 'x'});
ask($ann, 'POST', 'v1/conversations', {client_msg_id => '', text => 'x'});

my $png = "\x89PNG\r\n\x1a\n" . pack('N a4 N N C5 N', 13, 'IHDR', 3, 2, 8, 2,
                                     0, 0, 0, 0);
my $file = ask('agent dana', 'PUT', 'v1/attachments/a.png', undef,
               body => $png);

ask('agent dana', 'PUT', 'v1/attachments/a.html', undef, body => '<html>');
ask('agent dana', 'POST', "$talk/messages", {client_msg_id => 'b',
    text => 'A picture', attachments => [$file->{id}]});
ask('agent dana', 'POST', "$talk/messages", {client_msg_id => 'b',
    text => 'A picture'});
ask($program->{token}, 'POST', "$talk/messages", {client_msg_id => 'k',
    text => 'A program'});
ask('agent dana', 'POST', "$talk/messages", {client_msg_id => 's',
    text => 'Stale', expected_seq => 1});
ask('agent dana', 'POST', "$talk/messages", {client_msg_id => 'n',
    text => 'A note', visibility => 'internal'});

for my $card ({type => 'choices', once => $true, multiple => $true,
               options => [{id => 'a', text => 'A'},
                           {id => 'b', text => 'B'}]},
              {type => 'rating'},
              {type => 'form', submit => 'Go', fields => [{name => 'size',
               label => 'Size', type => 'text', required => $true}]},
              {type => 'links', links => [{title => 'T',
               url => 'https://x.test/', text => 'x'}]}) {
    my $sent = ask('agent dana', 'POST', "$talk/messages", {
        client_msg_id => "card-$card->{type}", text => 'Well?',
        card => $card});
    my %response = (choices => {options => ['a']},
                    rating => {rating => 4, comment => 'Fine'},
                    form => {fields => {size => 'XL'}});

    ask($ann, 'POST', "$talk/responses", {client_msg_id => "r$_"
        . $card->{type}, seq => $sent->{seq},
        response => $response{$card->{type}} // {}}) for 1, 2;
}

ask('agent dana', 'PATCH', $talk, {team => $team->{id}, priority => 'high',
    labels => ['vip'], assignee => agent('dana'),
    snoozed_until => '2030-01-01T00:00:00Z', reason => 'He has waited'});
ask('agent dana', 'PATCH', $talk, {reason => 'none'});
ask('agent dana', 'PATCH', $talk, {status => 'pending', version => 1});
ask('agent dana', 'GET', $talk);
ask('agent dana', 'PATCH', $talk, {assignee => undef, team => undef,
    priority => undef, status => 'open'});
ask('agent dana', 'PATCH', $talk, {status => 'x'});
ask($ann, 'PATCH', $talk, {labels => []});
ask($ann, 'POST', "$talk/read", {seq => 3});
ask('agent dana', 'POST', "$talk/read", {seq => 2});
ask('agent dana', 'POST', "$talk/typing", {on => $true});

for my $who ($ann, 'agent dana', $program->{token}) {
    ask($who, 'GET', 'v1/conversations');
    ask($who, 'GET', $talk);
    ask($who, 'GET', "$talk/events");
    ask($who, 'GET', "$talk/events?since=" . cursor(2) . '&limit=3');
    ask($who, 'GET', "$talk/events?since=" . cursor(1_000_000));
    ask($who, 'GET', "$talk/events?since=x");
    ask($who, 'GET', "v1/attachments/$file->{id}");
    ask($who, 'GET', 'v1/conversations/' . uuid('none'));
    ask($who, 'GET', 'v1/conversations?limit=x');
}

ask('agent dana', 'GET', 'v1/conversations?q=is:open+label:vip+size');
ask('agent dana', 'GET', 'v1/conversations?q=' . 'a%20' x 30);
ask('agent dana', 'GET', 'v1/conversations?status=x');
conversation("other $_") for 1 .. 3;
ask('agent dana', 'GET', 'v1/conversations?limit=2&order=waiting');

for my $who ($ann, 'agent dana') {
    ask($who, 'POST', 'v1/ticket');
    ask($who, 'GET', "v1/stream?wait=0&conversation=$id");
    ask($who, 'GET', "v1/stream?wait=0&conversation=$id&since="
        . cursor(1_000_000));
    ask($who, 'GET', 'v1/stream?wait=0&conversation=' . uuid('none'));
}

ask('agent dana', 'GET', 'v1/stream?wait=0&inbox=&status=open');
ask('agent dana', 'GET', "v1/stream?wait=0&inbox=&conversation=$id");


# messages that are changed and taken back, visitors beside a conversation

my $said = ask('agent dana', 'POST', "$talk/messages",
               {client_msg_id => 'e', text => 'Wrogn'})->{seq};

ask('agent dana', 'PATCH', "$talk/messages/$said", {text => $_})
    for 'Wrong', 'Wrong', '';
ask('agent root', 'GET', "$talk/messages/$said/history");
ask('agent dana', 'GET', "$talk/messages/$said/history");
ask('agent dana', 'GET', "$talk/events");
ask('agent root', 'DELETE', "$talk/messages/$said") for 1, 2;
ask($ann, 'DELETE', "$talk/messages/$said");
ask($_, 'GET', "$talk/events") for $ann, 'agent dana';
ask($_, 'GET', 'v1/conversations') for $ann, 'agent dana';

my $other = 'v1/visitors/' . visitor('other 1');

ask('agent dana', 'GET', "v1/visitors/$visitor->{visitor}{id}/$_")
    for 'conversations', 'conversations?limit=1', 'conversations?before=x',
        'track', 'track?limit=x';
ask('agent dana', $_, "$other/block") for 'POST', 'DELETE';
ask('agent dana', 'POST', 'v1/visitors/' . uuid('none') . '/block');
ask('agent dana', 'DELETE', $other);
ask('agent root', 'DELETE', $other) for 1, 2;
ask('agent dana', 'GET', "$other/track");


# what has ended

ask('agent root', 'DELETE', "v1/canned/$canned->{id}");
ask('agent root', 'DELETE', "v1/labels/$label->{id}");
ask('agent root', 'DELETE', "v1/teams/$team->{id}");
ask('agent root', 'DELETE', "v1/keys/$program->{id}");
ask('agent root', 'DELETE', 'v1/keys/' . uuid('none'));
ask('agent dana', 'POST', "$talk/messages", {client_msg_id => 'mention',
    text => '@' . psql("SELECT name FROM chat.agent WHERE id = '"
                       . agent('root') . "'"), visibility => 'internal'});
ask('agent dana', 'POST', "$talk/messages", {client_msg_id => 'by id',
    text => 'please', mentions => [agent('root')],
    visibility => 'internal'});
ask('agent dana', 'GET', "$talk/events");
ask('agent root', 'GET', 'v1/mentions');
ask('agent root', 'GET', 'v1/audit?limit=200');
ask('agent root', 'GET', 'v1/audit?limit=2');
ask('agent root', 'GET', 'v1/audit?before=x');
ask($ann, 'DELETE', 'v1/session');
psql("UPDATE chat.conversation SET erased_at = now() WHERE id = '$id'");
ask('agent dana', $_->[0], $_->[1], $_->[2])
    for ['GET', $talk], ['GET', "$talk/events"],
        ['PATCH', $talk, {status => 'open'}],
        ['POST', "$talk/messages", {client_msg_id => 'x', text => 'x'}],
        ['GET', "v1/stream?wait=0&conversation=$id"];

is(join(' ', $api->unseen), '', 'every operation has been compared');

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');
system('rm', '-rf', $files);

done_testing();
