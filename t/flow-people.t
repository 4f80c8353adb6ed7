# The people of a site: the link for the first administrator, invitations,
# roles, teams, availability, sessions, the audit log.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Nginx;

my $nginx = ChatTest::Nginx->new(workers => 2, log => 'notice',
    server => 'location /far/ { chat on; chat_site ' . site() . '-far; }')
    ->start;
my $password = 'correct horse battery';
my $api = '/support/v1';

sub log_text {
    open my $in, '<', $nginx->root . '/logs/error.log' or die "log: $!\n";
    return do { local $/; <$in> };
}

sub links {
    my ($prefix) = @_;
    return log_text() =~ m{"$prefix"\ has\ no\ administrator.*?
                           (\S+)console/\#setup=([\w-]{43})}gx;
}

sub call {
    my ($who, $method, $path, $json, %opt) = @_;
    return $nginx->client(%opt)->request($method, "$api/$path",
        (defined $who ? (token => $who) : ()),
        (defined $json ? (json => $json) : ()));
}

sub is_answer {
    my ($answer, $status, $want, $name) = @_;

    is($answer->status, $status, "$name: status") or diag($answer->body);
    is(contains($answer->json, $want), undef, $name) if defined $want;
}

sub sign_in {
    my ($email, $with) = @_;
    my $answer = call(undef, 'POST', 'agent/session',
        {email => $email, password => $with // $password, mode => 'bearer'});
    return $answer->status == 200 ? $answer->json->{token} : undef;
}


# the first administrator

ok(wait_until { links(site()) }, 'the log has a link for an administrator');
ok(wait_until { links(site() . '-far') }, 'and one for the other site');

my ($prefix, $token) = links(site());

is($prefix, '/support/', 'it leads to the console of the site');
is(() = links(site()), 2, 'one worker has made one link');

my @first = (password => $password, email => 'root@x.test', name => 'Root');

is_answer(call(undef, 'POST', 'agent/setup',
               {token => 'A' x 43, @first}), 401,
          {code => 'unauthenticated'}, 'a link that was made up');
is_answer(call(undef, 'POST', 'agent/setup',
               {token => (links(site() . '-far'))[1], @first}), 401, undef,
          'the link of another site');
is_answer(call(undef, 'POST', 'agent/setup',
               {token => $token, @first, password => 'eleven char'}), 422,
          {field => 'password'}, 'a short password');
is_answer(call(undef, 'POST', 'agent/setup',
               {token => $token, password => $password, name => 'Root'}),
          422, {field => 'email'}, 'without an address');
is_answer(call(undef, 'POST', 'agent/setup', {token => $token, @first,
                                              name => "R\x{0}oot"}),
          400, undef, 'a name with a NUL');
is_answer(call(undef, 'POST', 'agent/setup', {token => $token, @first,
                                              role => 'admin'}),
          422, {field => 'role'}, 'an unknown field');
is_answer(call(undef, 'POST', 'agent/setup', {token => $token, @first}), 200,
          {agent => {email => 'root@x.test', name => 'Root', role => 'admin',
                     invited => JSON::PP::false}},
          'the link makes an administrator');
is_answer(call(undef, 'POST', 'agent/setup',
               {token => $token, @first, email => 'eve@x.test'}), 401, undef,
          'once');

my $root = sign_in('root@x.test');

ok(defined $root, 'who signs in with that password');
is(psql('SELECT count(*) FROM chat.setup WHERE site = ' . site_id()), 0,
   'no link is left');

my $me = call($root, 'GET', 'agent/session')->json->{agent}{id};


# agents

sub create {
    my ($who, %agent) = @_;
    return call($who, 'POST', 'agents', {
        name => 'x', email => "$agent{name}\@x.test", %agent});
}

my $invited = create($root, name => 'Dana', capacity => 3);

is_answer($invited, 201, {token => '~^[\w-]{43}$', expires_at => '*',
    agent => {name => 'Dana', role => 'agent', capacity => 3,
              availability => 'online', invited => JSON::PP::true}},
    'an administrator invites an agent');
is_answer(create($root, name => 'Other', email => 'DANA@x.test'), 422,
          {field => 'email'}, 'an address twice');
is_answer(create($root, name => 'Other', email => 'nowhere'), 422,
          {field => 'email'}, 'an address that is none');
is_answer(create($root, name => "O\x{202e}ther"), 422, {field => 'name'},
          'a name that turns the text around');
is_answer(create($root, name => 'Other', role => 'owner'), 422,
          {field => 'role'}, 'a role that does not exist');
is_answer(create($root, name => 'Other', teams => [uuid('none')]), 422,
          {field => 'teams'}, 'a team that does not exist');
is_answer(create($root, name => 'Other', capacity => 1001), 422,
          {field => 'capacity'}, 'a capacity beyond measure');

my $dana = $invited->json->{agent}{id};

is(sign_in('dana@x.test', ''), undef, 'no password is no password');
is_answer(call(undef, 'POST', 'agent/setup',
               {token => $invited->json->{token}, password => $password,
                email => 'root2@x.test'}), 422, {field => 'email'},
          'an invitation is for its address');
is_answer(call(undef, 'POST', 'agent/setup',
               {token => $invited->json->{token}, password => $password}),
          200, {agent => {id => $dana, role => 'agent'}},
          'the agent chooses a password');

my $token_dana = sign_in('dana@x.test');

ok(defined $token_dana, 'and signs in');

my $sam = agent('sam', role => 'supervisor', name => 'Sam');
my $token_sam = agent_token('sam');
my $far = agent('far', site => site() . '-far', role => 'admin');

is_answer(call($token_dana, 'GET', 'agents'), 200,
    {agents => [{name => 'Dana', email => '*'},
                {name => 'Root', email => '!'},
                {name => 'Sam', email => '!', role => 'supervisor'}]},
    'an agent sees colleagues, not their addresses');
is_answer(call($token_sam, 'GET', 'agents'), 200,
    {agents => [({email => '*'}) x 3]}, 'a supervisor sees these too');
is_answer(call($token_dana, 'GET', "agents/$me"), 200,
          {name => 'Root', email => '!'}, 'one colleague');
is_answer(call($root, 'GET', "agents/$far"), 404, {code => 'not_found'},
          'nobody of another site');
is_answer(call(agent_token('far'), 'PATCH', "agents/$dana",
               {availability => 'away'}), 401, undef,
          'and nobody from there');


# what each role may change

for my $row (
    [$token_dana, $dana, {availability => 'busy'}, 200],
    [$token_dana, $dana, {capacity => 9}, 403],
    [$token_dana, $dana, {name => 'Boss'}, 403],
    [$token_dana, $dana, {role => 'admin'}, 403],
    [$token_dana, $me, {availability => 'away'}, 403],
    [$token_dana, $dana, {availability => 'asleep'}, 422],
    [$token_sam, $dana, {availability => 'away', capacity => 2}, 200],
    [$token_sam, $dana, {capacity => undef}, 200],
    [$token_sam, $dana, {role => 'admin'}, 403],
    [$token_sam, $sam, {role => 'admin'}, 403],
    [$token_sam, $me, {disabled => JSON::PP::true}, 403],
    [$root, $dana, {name => 'Dana B', role => 'supervisor'}, 200],
    [$root, $dana, {role => 'agent', disabled => JSON::PP::false}, 200],
    [$root, $dana, {email => 'root@x.test'}, 422],
    [$root, $far, {name => 'Mine'}, 404],
    [$root, uuid('nobody'), {name => 'Mine'}, 404],
    [$root, 'nobody', {name => 'Mine'}, 404],
) {
    my ($who, $whom, $change, $status) = @$row;
    my $name = join ',', map { "$_ " . ($change->{$_} // 'null') }
                         sort keys %$change;

    is(call($who, 'PATCH', "agents/$whom", $change)->status, $status,
       "$name: $status");
}

is(psql('SELECT name, role, availability, capacity FROM chat.agent '
        . "WHERE id = '$dana'"), 'Dana B|agent|away|', 'what was changed');
is_answer(call($token_dana, 'POST', 'agents',
               {name => 'x', email => 'x@x.test'}), 403, undef,
          'an agent invites nobody');
is_answer(call($token_sam, 'POST', 'agents',
               {name => 'x', email => 'x@x.test'}), 403, undef,
          'nor does a supervisor');
is_answer(call(visitor_token('ann'), 'GET', 'agents'), 403, undef,
          'nothing of it is for visitors');
is_answer(call(undef, 'GET', 'agents'), 401, undef, 'nor for strangers');


# the last administrator stays

is_answer(call($root, 'PATCH', "agents/$me", {role => 'agent'}), 422,
          {field => 'role'}, 'the last administrator remains one');
is_answer(call($root, 'PATCH', "agents/$me", {disabled => JSON::PP::true}),
          422, {field => 'disabled'}, 'and is not disabled');

my $second = create($root, name => 'Second', role => 'admin')->json;

is_answer(call($root, 'PATCH', "agents/$me", {role => 'agent'}), 422,
          undef, 'an invited one does not count');
call(undef, 'POST', 'agent/setup',
     {token => $second->{token}, password => $password});

my $token_second = sign_in('Second@x.test');
my @both = map { $nginx->client->start('PATCH', "$api/agents/$_->[1]",
                     token => $_->[0], json => {role => 'agent'}) }
           [$root, $second->{agent}{id}], [$token_second, $me];

is(scalar(grep { $_->wait->status == 200 } @both), 1,
   'of two who take the role from each other one succeeds');
is(psql("SELECT count(*) FROM chat.agent WHERE role = 'admin' AND id IN "
        . "('$me', '$second->{agent}{id}')"), 1, 'and the other remains');

psql("UPDATE chat.agent SET role = 'admin' WHERE id IN ('$me', "
     . "'$second->{agent}{id}')");


# teams

my $team = call($root, 'POST', 'teams',
                {name => 'Billing', members => [$dana, $sam]});

is_answer($team, 201, {id => '*', name => 'Billing',
    members => [{id => $dana, name => 'Dana B'}, {id => $sam}]}, 'a team');
$team = $team->json->{id};

is_answer(call($root, 'POST', 'teams', {name => 'billing'}), 422,
          {field => 'name'}, 'the same name');
is_answer(call($root, 'POST', 'teams', {name => ' '}), 422,
          {field => 'name'}, 'no name');
is_answer(call($root, 'POST', 'teams', {name => 'x', members => [$far]}),
          422, {field => 'members'}, 'an agent of another site');
is_answer(call($root, 'POST', 'teams', {name => 'x', members => 'x'}),
          422, {field => 'members'}, 'members that are no list');
is_answer(call($token_dana, 'GET', 'teams'), 200,
          {teams => [{id => $team, name => 'Billing'}]},
          'every agent sees the teams');
is_answer(call($token_sam, 'POST', 'teams', {name => 'Mine'}), 403, undef,
          'administrators make them');
is_answer(call($root, 'PATCH', "teams/$team",
               {name => 'Money', members => [$me]}), 200,
          {name => 'Money', members => [{id => $me}]}, 'another team');
is_answer(call($token_sam, 'PATCH', "agents/$dana", {teams => [$team]}),
          200, {teams => [{id => $team, name => 'Money'}]},
          'a supervisor puts an agent into a team');
is_answer(call($root, 'DELETE', "teams/$team"), 204, undef, 'it goes');
is_answer(call($root, 'DELETE', "teams/$team"), 404, undef, 'once');
is_answer(call($root, 'GET', "agents/$dana"), 200, {teams => []},
          'with its members');


# sessions

my $again = sign_in('dana@x.test');
my $list = call($token_dana, 'GET', "agents/$dana/sessions");

is_answer($list, 200, {sessions => [{current => JSON::PP::false},
                                    {current => JSON::PP::true}]},
          'an agent sees the own sessions');
is_answer(call($token_dana, 'GET', "agents/$me/sessions"), 403, undef,
          'and no others');
is_answer(call($root, 'GET', "agents/$dana/sessions"), 200,
          {sessions => ['*', '*']}, 'an administrator does');
is_answer(call($token_sam, 'DELETE',
               "agent/sessions/" . $list->json->{sessions}[0]{id}), 404,
          undef, 'nobody else ends one');
is_answer(call($token_dana, 'DELETE',
               "agent/sessions/" . $list->json->{sessions}[0]{id}), 204,
          undef, 'the agent does');
is(call($again, 'GET', 'agents')->status, 401, 'which then is no session');
is(call($token_dana, 'GET', 'agents')->status, 200, 'the other still is');

my $third = sign_in('dana@x.test');

is_answer(call($token_dana, 'DELETE', "agents/$dana/sessions"), 204, undef,
          'an agent ends all others');
is(call($third, 'GET', 'agents')->status, 401, 'which they notice');
is(call($token_dana, 'GET', 'agents')->status, 200, 'and it does not');

my $reset = call($root, 'POST', "agents/$dana/setup");

is_answer($reset, 201, {token => '*', agent => {id => $dana}},
          'a link for a forgotten password');
ok(defined sign_in('dana@x.test'), 'until it is used the old one is good');
call(undef, 'POST', 'agent/setup',
     {token => $reset->json->{token}, password => 'another long password'});
is(call($token_dana, 'GET', 'agents')->status, 401,
   'a new password ends the sessions');
is(sign_in('dana@x.test'), undef, 'and the old password');

$token_dana = sign_in('dana@x.test', 'another long password');
ok(defined $token_dana, 'the new one is good');

call($root, 'PATCH', "agents/$dana", {disabled => JSON::PP::true});
is(call($token_dana, 'GET', 'agents')->status, 401,
   'a disabled agent is out');
is_answer(call($root, 'POST', "agents/$dana/setup"), 404, undef,
          'and is not invited');
call($root, 'PATCH', "agents/$dana", {disabled => JSON::PP::false});
is(call($token_dana, 'GET', 'agents')->status, 401,
   'and has to sign in when the agent is back');


# the log of all that

my $audit = call($root, 'GET', 'audit?limit=2');

is_answer($audit, 200, {more => JSON::PP::true, page => '*', entries => [
    {action => 'agent_change', object => $dana, actor => {name => 'Root'},
     data => {disabled => JSON::PP::false}},
    {action => 'agent_change'}]}, 'the newest of the audit log');
is_answer(call($root, 'GET', 'audit?limit=200&before='
               . $audit->json->{page}), 200, {more => JSON::PP::false},
          'and the rest');
is_answer(call($root, 'GET', 'audit?before=x'), 422, {field => 'before'},
          'a page that is none');
is_answer(call($token_sam, 'GET', 'audit'), 403, undef,
          'it is for administrators');
unlike(call($root, 'GET', 'audit?limit=200')->body, qr/\Q$password\E/,
       'it has no password');

for my $sql ("UPDATE chat.audit SET action = 'x'", 'DELETE FROM chat.audit',
             'TRUNCATE chat.audit') {
    ok(!eval { psql($sql); 1 }, "refused: $sql");
    (my $super = ChatTest::postgres()) =~ s/user=\S+/user=postgres/;
    ok(!eval { psql($sql, $super); 1 }, "also to a superuser: $sql");
}


# a reload makes no link for a site that has an administrator

my $before = () = links(site());
my $of_far = () = links(site() . '-far');
psql("DELETE FROM chat.agent_session WHERE agent = '$far'");
$nginx->stop;
unlike(log_text(), qr/\Q$password\E/, 'no password in the log');
is($before, 2, 'one link in all');

is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
