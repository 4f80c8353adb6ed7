# chat_limit with several workers: the office behind one address, streams,
# reload, killed workers, sign-ins.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use ChatTest;
use ChatTest::Nginx;

my $n = 0;

sub nginx {
    my ($limit, %opt) = @_;

    return ChatTest::Nginx->new(workers => 2, limit => $limit,
                                http => 'chat_drain 1s;', %opt)->start;
}

sub send_to {
    my ($client, $id) = @_;

    return $client->post("/support/v1/conversations/$id/messages",
                         {client_msg_id => 'f-' . ++$n, text => 'hello'});
}

sub poll {
    my ($client, $id) = @_;

    return $client->start('GET', '/support/v1/stream?wait=55&since='
                                 . cursor(1) . "&conversation=$id");
}

sub limited { return $_[0]->get('/status?format=json')->json->{limited} }

# The polls that wait; what has been refused is answered at once.

sub waiting {
    my ($nginx, $expected, $what) = @_;
    my $found;

    wait_until {
        $found = $nginx->client->get('/status?format=json')->json->{polls};
        $found == $expected;
    };
    is($found, $expected, $what);
}

my %talk = map { $_ => conversation($_, 'hello') } qw(alice bob);


# An office: sixty people at one address, who come within seconds.  All
# limits are the defaults.

{
    my $nginx = nginx('messages=1r/s burst=10');
    my %statuses;

    for my $i (1 .. 60) {
        my $session = $nginx->client->post('/support/v1/session',
                                           {mode => 'bearer'});
        $statuses{$session->status}++;

        my $visitor = $nginx->client(token => $session->json->{token});
        my $talk = $visitor->post('/support/v1/conversations',
                                  {client_msg_id => 'first', text => 'hi'});
        $statuses{$talk->status}++;
        $statuses{send_to($visitor, $talk->json->{id})->status}++ for 1 .. 3;
    }

    is_deeply(\%statuses, {200 => 60, 201 => 240},
              'nobody in an office is refused');

    my $alice = $nginx->client(visitor => 'alice');
    my %flood;

    $flood{send_to($alice, $talk{alice})->status}++ for 1 .. 20;

    cmp_ok($flood{201}, '>=', 10, 'one of them who floods has a burst');
    cmp_ok($flood{429}, '>=', 5, 'and no more');

    my $bob = $nginx->client(visitor => 'bob');

    is(send_to($bob, $talk{bob})->status, 201, 'which is nobody else\'s');

    my %new;

    for (1 .. 60) {
        $new{$nginx->client->post('/support/v1/session', {mode => 'bearer'})
                 ->status}++;
    }

    cmp_ok($new{429} // 0, '>=', 15, 'strangers without end are refused');
    is($bob->post('/support/v1/session', {mode => 'bearer'})->status, 200,
       'who is known is not');

    my $limits = limited($nginx->client);

    cmp_ok($limits->{messages}, '>=', 5, 'counted by name');
    cmp_ok($limits->{tokens}, '>=', 15, 'each');
    is($limits->{address_messages}, 0, 'and only where it was');

    $nginx->stop;
    is(join('', $nginx->alarms), '', 'no alarms');
}


# Streams, over both workers, and what becomes of them.

{
    my $nginx = nginx('off', location => 'chat_limit streams=3 '
                                         . 'address_streams=5;');
    my $alice = $nginx->client(visitor => 'alice');
    my $bob = $nginx->client(visitor => 'bob');

    my %talk = map { $_ => conversation($_, 'hello') } qw(alice bob);

    my @polls = map { poll($alice, $talk{alice}) } 1 .. 3;
    waiting($nginx, 3, 'three streams of a visitor');

    my $more = poll($alice, $talk{alice})->wait;
    is($more->status, 429, 'the fourth is refused');
    is($more->json->{code}, 'rate_limited', 'as too many');
    like($more->header('Retry-After'), qr/^\d+$/, 'and is told to come back');

    push @polls, map { poll($bob, $talk{bob}) } 1 .. 2;
    waiting($nginx, 5, 'another visitor has his own');
    is(poll($bob, $talk{bob})->wait->status, 429,
       'until there are too many of the address');
    is_deeply([@{limited($nginx->client)}{qw(streams address_streams)}],
              [1, 1], 'each is counted');

    $polls[0]->abort;
    waiting($nginx, 4, 'one that has gone');
    $polls[0] = poll($alice, $talk{alice});
    waiting($nginx, 5, 'makes room');

    $nginx->reload;
    ok((wait_until { !grep { !$_->poll } @polls }),
       'a reload answers them');
    waiting($nginx, 0, 'all of them');

    @polls = map { poll($alice, $talk{alice}) } 1 .. 3;
    waiting($nginx, 3, 'they come back');
    is(poll($alice, $talk{alice})->wait->status, 429,
       'and count in the new workers');

    my %old = map { $_ => 1 } $nginx->worker_pids;

    kill KILL => keys %old;
    wait_until {
        my @now = $nginx->worker_pids;
        @now == 2 && !grep { $old{$_} } @now;
    };
    $nginx->wait_ready;

    @polls = map { poll($alice, $talk{alice}) } 1 .. 3;
    waiting($nginx, 3, 'killed workers hold none');
    is(poll($alice, $talk{alice})->wait->status, 429, 'the new ones do');

    $_->abort for @polls;
    $nginx->stop;
    is(join('', $nginx->alarms(qr/exited on signal 9/)), '', 'no alarms');
}


# Reload and killed workers do not fill the buckets.

{
    my $nginx = nginx('messages=3r/h');
    my $alice = $nginx->client(visitor => 'alice');

    is(send_to($alice, $talk{alice})->status, 201, "message $_") for 1 .. 3;
    is(send_to($alice, $talk{alice})->status, 429, 'that was all');

    $nginx->reload;
    is(send_to($alice, $talk{alice})->status, 429, 'after a reload too');

    $nginx->{limit} = 'messages=3r/h burst=4';
    $nginx->reload;
    is(send_to($alice, $talk{alice})->status, 201, 'a new limit holds');
    is(send_to($alice, $talk{alice})->status, 429, 'from what was taken');

    $nginx->{limit} = 'off';
    $nginx->reload;
    is(send_to($alice, $talk{alice})->status, 201, 'and so does none');

    $nginx->stop;
    is(join('', $nginx->alarms), '', 'no alarms');
}


# Sign-ins.

{
    # "right-password"
    my $hash = '$scrypt$ln=10,r=8,p=1$c2l4dGVlbiBieXRlcy4uLg$'
               . 'FrOY5CfW3N64skY+Vx8lTzaBxiT+s3wFM/FO1RCH1Zo';

    agent('dana', email => 'dana@limit.test', password => $hash);
    agent('eve', email => 'eve@limit.test', password => $hash);

    my $nginx = nginx('sign_ins=60r/m burst=6 failures=3', http => '
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Real-IP;');

    my $sign_in = sub {
        my ($who, $password, $address) = @_;

        return $nginx->client->start('POST', '/support/v1/agent/session',
            json => {email => "$who\@limit.test", password => $password,
                     mode => 'bearer'},
            headers => ['X-Real-IP: ' . ($address // '192.0.2.1')])->wait;
    };

    is($sign_in->('dana', 'right-password')->status, 200,
       "sign-in $_ that succeeds") for 1 .. 8;

    is($sign_in->('dana', 'wrong')->status, 401, "failure $_") for 1 .. 2;
    is($sign_in->('dana', 'right-password')->status, 200,
       'a success forgets them');

    # the wait is a second: who comes later than that begins anew

    my $late;

    wait_until {
        is($sign_in->('dana', 'wrong')->status, 401, "failure $_")
            for 1 .. 3;
        $late = $sign_in->('dana', 'right-password');
        $late->status == 429;
    };
    is($late->status, 429, 'then even the right password has to wait');
    is($late->header('Retry-After'), 1, 'a second');
    is($sign_in->('dana', 'right-password', '192.0.2.2')->status, 200,
       'but not from another address');
    is($sign_in->('eve', 'right-password')->status, 200,
       'and nobody else does');

    my $answer;

    wait_until {
        $answer = $sign_in->('dana', 'right-password');
        $answer->status != 429;
    } 40;
    is($answer->status, 200, 'nobody is locked out');

    is(psql("SELECT count(*) FROM chat.sign_in_failure WHERE length(hash) "
            . '<> 32'), 0, 'only hashes are kept');

    # in PostgreSQL, so that every host knows

    psql('UPDATE chat.sign_in_failure SET failures = 40');
    $sign_in->('eve', 'wrong', '192.0.2.3');
    psql('UPDATE chat.sign_in_failure SET failures = 40');
    $sign_in->('eve', 'wrong', '192.0.2.3');
    $late = $sign_in->('eve', 'right-password', '192.0.2.3');
    cmp_ok($late->header('Retry-After'), '>', 890, 'it doubles');
    cmp_ok($late->header('Retry-After'), '<=', 900, 'up to a quarter hour');

    psql("UPDATE chat.sign_in_failure SET last_at = now() - interval '2h',"
         . " wait_until = now()");
    is($sign_in->('eve', 'wrong', '192.0.2.4')->status, 401, 'after an hour');
    is($sign_in->('eve', 'wrong', '192.0.2.4')->status, 401,
       'it begins anew');

    $nginx->stop;
    is(join('', $nginx->alarms), '', 'no alarms');
}

done_testing();
