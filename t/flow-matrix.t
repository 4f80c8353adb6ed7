# Every route as every kind of user calls it: what docs/security.md says, in
# its table "Who may what".

use strict;
use warnings;

use FindBin;
use Test::More;
use ChatTest;
use ChatTest::Api;
use ChatTest::Nginx;

my $uploads = build_dir('matrix-files');
system('rm', '-rf', $uploads);

my $nginx = ChatTest::Nginx->new(workers => 1,
    http => "chat_upload_path $uploads;",
    server => 'location /far/ { chat on; chat_site ' . site() . '-far; }')
    ->start;

my @roles = ('nobody', 'visitor', 'other visitor', 'foreign agent',
             'other team', 'agent', 'supervisor', 'admin', 'key');
my @scopes = qw(conversations:read conversations:write visitors:write
                people:read settings:read settings:write audit:read);
my %rows = table("$FindBin::Bin/../docs/security.md");

sub table {
    my ($file) = @_;
    my %rows;

    open my $in, '<', $file or die "$file: $!\n";

    while (<$in>) {
        next unless my ($route, $cells) = /^\| `([A-Z]+ v1\/\S*)` \| (.*) \|$/;
        $rows{$route} = [split / \| /, $cells];
    }

    return %rows;
}

agent($_, role => $_) for qw(agent supervisor admin);
agent('stranger', site => site() . '-far', role => 'admin');
agent('other team');

# the conversations are of a team, which has all agents but one

my ($ours, $theirs) = map { uuid("team $_") } 'ours', 'theirs';

psql("INSERT INTO chat.team (site, id, name) VALUES (" . site_id()
     . ", '$ours', 'Ours'), (" . site_id() . ", '$theirs', 'Theirs')");
psql("INSERT INTO chat.team_member (site, team, agent) SELECT a.site, "
     . "CASE WHEN a.id = '" . agent('other team') . "' THEN '$theirs'::uuid "
     . "ELSE '$ours'::uuid END, a.id FROM chat.agent a WHERE a.site = "
     . site_id());

my $target = agent('target');
my ($n, $owner) = (0, '');

# credentials are new for each cell, since some are ended

sub credential {
    my ($role) = @_;

    return undef if $role eq 'nobody';
    return visitor_token($owner) if $role eq 'visitor';
    return visitor_token("other $owner") if $role eq 'other visitor';
    return api_key(split ' ', $1) if $role =~ /^key (.*)/;
    return agent_token($role eq 'foreign agent' ? 'stranger' : $role,
                       new => 1);
}

# a key with these scopes

my %keys;

sub api_key {
    my (@scopes) = @_;

    return $keys{"@scopes"} //= new_key(@scopes);
}

sub new_key {
    my (@scopes) = @_;
    my $answer = $nginx->client->request('POST', '/support/v1/keys',
        token => agent_token('admin'),
        json => {name => "Key $n", scopes => \@scopes});

    die 'no key: ' . $answer->body . "\n" if $answer->status != 201;
    return $answer->json->{token};
}

sub row {
    my ($table, %columns) = @_;

    my $id = uuid("row $n");
    psql("INSERT INTO chat.$table (site, id, "
         . join(', ', sort keys %columns) . ') VALUES (' . site_id()
         . ", '$id', " . join(', ', map { quote($columns{$_}) }
                              sort keys %columns) . ')');
    return $id;
}

sub talk {
    my $id = conversation($owner);

    psql("UPDATE chat.conversation SET team = '$ours' WHERE id = '$id'");

    return $id;
}

sub file {
    my $client = $nginx->client(visitor => $owner);
    my $id = $client->request('PUT', '/support/v1/attachments/a.txt',
                              body => 'text')->json->{id};
    my $talk = talk();

    $client->post("/support/v1/conversations/$talk/messages",
                  {client_msg_id => 'f', attachments => [$id]});

    return $id;
}

# a key that is the only one of the site

sub site_key {
    psql('DELETE FROM chat.identity_key WHERE site = ' . site_id());
    psql("SELECT chat.identity_key_put_1('" . site()
         . "', 'k', 'HS256', '" . 'x' x 32 . "')");
    return psql('SELECT id FROM chat.identity_key WHERE site = '
                . site_id());
}

my $session_of = sub {
    agent_token('target', new => 1);
    return psql("SELECT id FROM chat.agent_session WHERE agent = '$target' "
                . 'ORDER BY created_at DESC LIMIT 1');
};
my $talk = \&talk;
my $someone = sub { $target };

# the object in the path, and the body

my %object = (
    'v1/agent/sessions/{id}' => $session_of,
    'v1/agents/{id}' => $someone,
    'v1/agents/{id}/setup' => $someone,
    'v1/agents/{id}/sessions' => $someone,
    'v1/agents/{id}/totp' => sub {
        psql("INSERT INTO chat.totp (site, agent, secret, confirmed_at) "
             . "SELECT a.site, a.id, '', now() FROM chat.agent a WHERE "
             . "a.id = '$target' ON CONFLICT DO NOTHING");
        return $target;
    },
    'v1/teams/{id}' => sub { row('team', name => "team $n") },
    'v1/keys/{id}' => sub {
        new_key('audit:read');
        return psql('SELECT id FROM chat.api_key WHERE site = ' . site_id()
                    . ' ORDER BY id DESC LIMIT 1');
    },
    'v1/visitors/{id}' => sub { visitor($owner) },
    'v1/labels/{id}' => sub { row('label', name => "label$n") },
    'v1/canned/{id}' => sub { row('canned', shortcut => "c$n", title => 'x',
                                  text => 'x') },
    'v1/site/keys/{id}' => sub { site_key() },
    'v1/conversations/{id}' => $talk,
    'v1/conversations/{id}/events' => $talk,
    'v1/conversations/{id}/messages' => $talk,
    'v1/conversations/{id}/messages/{name}' => $talk,
    'v1/conversations/{id}/messages/{name}/history' => $talk,
    'v1/conversations/{id}/responses' => sub {
        my $id = talk();
        my $seq = message($id, 'agent agent', 'well?');

        psql("UPDATE chat.event SET data = '{\"card\": {\"type\": "
             . "\"rating\"}}' WHERE conversation = '$id' AND seq = $seq");

        return $id;
    },
    'v1/conversations/{id}/read' => $talk,
    'v1/conversations/{id}/typing' => $talk,
    'v1/visitors/{id}/conversations' => sub { visitor($owner) },
    'v1/visitors/{id}/track' => sub { visitor($owner) },
    'v1/visitors/{id}/block' => sub { visitor($owner) },
    'v1/attachments/{id}' => \&file,
    'v1/stream' => $talk,
);

my %body = (
    'POST v1/session' => {mode => 'bearer'},
    'PATCH v1/session' => {name => 'Ann'},
    'POST v1/agent/session' => {email => 'nobody@x.test', password => 'x',
                                mode => 'bearer'},
    'POST v1/agent/totp/confirm' => {code => '123456'},
    'DELETE v1/agent/totp' => {password => 'x'},
    'POST v1/agent/setup' => {token => 'A' x 43, password => 'x' x 12},
    'POST v1/agents' => {name => 'New', email => 'new%d@x.test'},
    'PATCH v1/agents/{id}' => {capacity => 2},
    'POST v1/teams' => {name => 'new %d'},
    'PATCH v1/teams/{id}' => {name => 'changed %d'},
    'POST v1/labels' => {name => 'new%d'},
    'POST v1/canned' => {shortcut => 'new%d', text => 'x'},
    'PATCH v1/canned/{id}' => {title => 'y'},
    'PATCH v1/site' => {version => 1},
    'POST v1/site/keys' => {kid => 'k%d', alg => 'HS256'},
    'POST v1/keys' => {name => 'Key', scopes => ['audit:read']},
    'PATCH v1/visitors/{id}' => {attributes => {plan => 'gold'}},
    'POST v1/conversations' => {client_msg_id => 'c%d', text => 'x'},
    'PATCH v1/conversations/{id}' => {assignee => undef},
    'POST v1/conversations/{id}/messages' => {client_msg_id => 'm',
                                              text => 'x'},
    'PATCH v1/conversations/{id}/messages/{name}' => {text => 'y'},
    'POST v1/conversations/{id}/responses' => {client_msg_id => 'r',
        seq => 2, response => {rating => 5}},
    'POST v1/track' => [{name => 'page'}],
    'POST v1/conversations/{id}/read' => {seq => 1},
    'POST v1/conversations/{id}/typing' => {on => JSON::PP::true},
);

my $api = ChatTest::Api->new;
my %drift;

# what the route answers to somebody: "yes" or the status

sub answer {
    my ($route, $role) = @_;
    my ($method, $path) = split / /, $route;

    $n++;
    $owner = "owner$n";

    my $where = "/support/$path";
    my $id = $object{$path} ? $object{$path}->() : '';
    my %opt = (token => credential($role));

    if ($path eq 'v1/stream') {
        $where .= "?conversation=$id&wait=0";
    } elsif ($method eq 'PUT') {
        $where =~ s/\{name\}/a.txt/;
        $opt{body} = 'text';
    } else {
        $where =~ s/\{id\}/$id/;
        $where =~ s/\{name\}/1/;
    }

    if (ref $body{$route} eq 'ARRAY') {
        $opt{json} = $body{$route};

    } elsif ($body{$route}) {
        my %json = %{$body{$route}};
        defined $_ && !ref $_ && s/%d/$n/ for values %json;
        $opt{json} = \%json;
    }

    my $answer = $nginx->client->request($method, $where, %opt);
    my $status = $answer->status;

    $drift{$_}++ for $api->check($method, $where, $answer);

    return $status >= 200 && $status < 300 ? 'yes' : $status;
}

for my $route (sort keys %rows) {
    my @want = @{$rows{$route}};
    my ($scope) = pop(@want) =~ /^`(.*)`$/;
    my @others = grep { $_ ne ($scope // '') } @scopes;

    is(join(' ', map { answer($route, $_ eq 'key' ? "key @others" : $_) }
                 @roles), "@want", $route);
    is(answer($route, "key $scope"), 'yes', "$route with $scope")
        if defined $scope;
}

is(join("\n", sort keys %drift), '', 'answers are as openapi.yaml says');
is(scalar(grep { @$_ != @roles + 1 } values %rows), 0, 'no cell is missing');
cmp_ok(scalar(keys %rows), '>', 45, 'the table has been read');

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
