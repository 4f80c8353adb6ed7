# Agents whom the configuration identifies: by a variable, by auth_basic, by
# a client certificate; roles, agents who are made, and what is refused.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Nginx;

my $site = site();
my $users = build_dir() . "/users-$$";

open my $out, '>', $users or die "$users: $!\n";
print $out "dana\@x.test:{PLAIN}secret\n";
close $out;

my $nginx = ChatTest::Nginx->new(workers => 1, server => <<"END")->start;
        chat_agent_identity \$http_x_user;
        location /roles/ {
            chat on;
            chat_site $site;
            chat_agent_identity \$http_x_user name=\$http_x_name create;
            chat_agent_role \$http_x_role;
        }
        location /basic/ {
            chat on;
            chat_site $site;
            auth_basic desk;
            auth_basic_user_file $users;
            chat_agent_identity \$remote_user;
        }
        location /off/ {
            chat on;
            chat_site $site;
            chat_agent_identity off;
        }
        location /far/ { chat on; chat_site $site-far; }
END

my $dana = agent('dana', email => 'dana@x.test', role => 'supervisor');

# the answer to a sign-in without a password; headers are [name, value]

sub sign_in {
    my ($location, $headers, $body) = @_;

    return $nginx->client->request('POST', "/$location/v1/agent/session",
        headers => [map { "$_: $headers->{$_}" } sort keys %$headers],
        json => $body // {mode => 'bearer'});
}

sub is_answer {
    my ($answer, $status, $want, $name) = @_;

    is($answer->status, $status, "$name: status") or diag($answer->body);
    is(contains($answer->json, $want), undef, $name) if defined $want;
}

my $answer = sign_in('support', {'X-User' => 'Dana@X.test'});

is_answer($answer, 200, {token => '~^[\w-]{43}$', expires_at => '*',
    agent => {id => $dana, email => 'dana@x.test', role => 'supervisor'}},
    'who is identified is signed in');
is($nginx->client(token => $answer->json->{token})
         ->get('/support/v1/agents')->status, 200, 'and may what he may');
is(psql("SELECT identified_at > now() - interval '1 hour' FROM chat.agent "
        . "WHERE id = '$dana'"), 't', 'which is noted');

is_answer(sign_in('support', {}), 401, {code => 'unauthenticated'},
          'nobody is identified');
is_answer(sign_in('support', {'X-User' => ''}), 401, undef,
          'an empty value is nobody');
is_answer(sign_in('support', {'X-User' => 'eve@x.test'}), 403,
          {code => 'forbidden'}, 'somebody unknown is refused');
is(psql("SELECT count(*) FROM chat.agent WHERE email = 'eve\@x.test'"), 0,
   'and not made');
is_answer(sign_in('far', {'X-User' => 'dana@x.test'}), 403, undef,
          'an agent of another site too');
is_answer(sign_in('off', {'X-User' => 'dana@x.test'}), 422,
          {field => 'email'}, 'where it is off, an address is needed');
is_answer(sign_in('support', {'X-User' => 'dana@x.test'},
                  {mode => 'bearer', email => 'dana@x.test'}), 422,
          {field => 'password'}, 'an address needs its password');


# rules of origins

is_answer(sign_in('support', {'X-User' => 'dana@x.test'}, {}), 403,
          {code => 'forbidden'}, 'for a cookie the origin has to be told');
is_answer(sign_in('support', {'X-User' => 'dana@x.test',
                              'Sec-Fetch-Site' => 'cross-site'}), 403, undef,
          'a page of another origin gets no token either');
is_answer(sign_in('support', {'X-User' => 'dana@x.test',
                              'Sec-Fetch-Site' => 'same-origin'}, {}), 200,
          {token => '!', agent => {id => $dana}}, 'a page of the same origin');


# auth_basic

is(sign_in('basic', {})->status, 401, 'auth_basic refuses by itself');
is_answer(sign_in('basic', {Authorization => 'Basic ' . MIME::Base64::encode(
                                'dana@x.test:secret', '')}), 200,
          {agent => {id => $dana}}, 'who passes it is signed in');


# disabled

psql("UPDATE chat.agent SET disabled_at = now() WHERE id = '$dana'");
is_answer(sign_in('roles', {'X-User' => 'dana@x.test'}), 403, undef,
          'who is disabled is refused');
psql("UPDATE chat.agent SET disabled_at = NULL WHERE id = '$dana'");


# roles, and agents who are made

is_answer(sign_in('roles', {'X-User' => 'dana@x.test'}), 200,
          {agent => {role => 'supervisor'}}, 'without a role it stays');
is_answer(sign_in('roles', {'X-User' => 'dana@x.test',
                            'X-Role' => 'agent'}), 200,
          {agent => {role => 'agent'}}, 'or becomes what is said');
is_answer(sign_in('roles', {'X-User' => 'dana@x.test',
                            'X-Role' => 'owner'}), 403, undef,
          'a role that does not exist signs nobody in');
is_answer(sign_in('roles', {'X-User' => 'root@x.test', 'X-Role' => 'admin',
                            'X-Name' => 'Root'}), 200,
          {agent => {name => 'Root', role => 'admin'}},
          'somebody unknown becomes an agent');
is_answer(sign_in('roles', {'X-User' => 'root@x.test',
                            'X-Role' => 'agent'}), 200,
          {agent => {name => 'Root', role => 'admin'}},
          'the last administrator remains one');
is_answer(sign_in('roles', {'X-User' => 'kim', 'X-Name' => "K\x07im"}), 200,
          {agent => {name => 'kim', email => 'kim', role => 'agent'}},
          'a name that is none is left out');
is_answer(sign_in('roles', {'X-User' => 'two words'}), 403, undef,
          'what cannot be an address is nobody');
is_answer(sign_in('support', {}, {mode => 'bearer', email => 'kim',
                                  password => ''}), 401, undef,
          'who was made so has no password');
is(psql('SELECT string_agg(action || (data ->> \'role\'), \',\' ORDER BY id) '
        . 'FROM chat.audit WHERE actor IS NULL AND site = ' . site_id()),
   'agent_changeagent,agent_createadmin', 'the audit log has it');
is(contains($nginx->client(token => sign_in('roles', {'X-User' =>
       'root@x.test'})->json->{token})->get('/support/v1/agents')->json,
       {agents => [({invited => JSON::PP::false}) x 1,
                   ({}) x 2]}), undef, 'nobody waits for an invitation');


# the directives

for my $row (['chat_agent_identity dana@x.test', 'have a variable'],
             ['chat_agent_identity $remote_user new', '"create"'],
             ['chat_agent_identity $remote_user create create', '"create"'],
             ['chat_agent_identity $remote_user; chat_agent_identity off',
              'is duplicate'],
             ['chat_agent_role $a_b; chat_agent_role off', ''])
{
    my ($exit, $text) = ChatTest::Nginx->new(name => 'check',
        location => "$row->[0];")->check;

    isnt($exit, 0, "refused: $row->[0]");
    like($text, qr/\Q$row->[1]\E/, 'with what is allowed');
}

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');
unlink $users;

done_testing();
