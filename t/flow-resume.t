# R7.  A thousand streams come back after a reload: few reads, nothing lost.

use strict;
use warnings;

use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::WebSocket;

my $nginx = ChatTest::Nginx->new(workers => 2, http => 'chat_drain 4s;',
                                 location => 'chat_heartbeat 60s;')->start;

# pages that PostgreSQL was asked for; its numbers come a little later

sub reads {
    return psql("SELECT coalesce(sum(calls), 0) FROM pg_stat_user_functions"
                . " WHERE schemaname = 'chat' AND funcname LIKE 'events\\_%'");
}

sub settled_reads {
    my ($last, $same) = (-1, 0);

    wait_until {
        select undef, undef, undef, 0.3;
        my $now = reads();
        $same = $now == $last ? $same + 1 : 0;
        $last = $now;
        $same >= 5;
    } 30;

    return $last;
}


# Five conversations, each in a hundred windows of its visitor and a hundred
# of five agents.

my @talks = map { conversation("v$_", 'one') } 1 .. 5;
my @clients = map {
    my $i = $_ % 5;
    {
        talk => $talks[$i], seen => 1,
        who => $_ % 2 ? [visitor => 'v' . ($i + 1)]
                      : [agent => 'a' . int($_ / 10) % 5],
    };
} 0 .. 999;

my $epoch = epoch();

sub connect_client {
    my ($client) = @_;

    my $ws = ChatTest::WebSocket->new(port => $nginx->port,
                                      @{$client->{who}});
    $ws->send(type => 'subscribe', conversation => $client->{talk},
              since => "$epoch.$client->{seen}");

    $client->{ws} = $ws;
    $client->{subscribed} = 0;
}

sub look {
    for my $client (@clients) {
        my $ws = $client->{ws};
        $ws->poll;

        for my $m (splice @{$ws->{messages}}) {
            my @events = $m->{type} eq 'message' ? $m
                : $m->{type} =~ /^(?:subscribed|events)\z/ ? @{$m->{events}}
                : ();

            push @{$client->{seqs}}, map { $_->{seq} } @events;
            $client->{seen} = $events[-1]{seq} if @events;
            $client->{subscribed} = 1 if $m->{type} eq 'subscribed';
            push @{$client->{wrong}}, $m
                if $m->{type} eq 'error'
                   || ($m->{type} eq 'subscribed' && !$m->{complete})
                   || ($m->{type} eq 'subscribed' && !$m->{state}{read});
        }

        if ($ws->{eof}) {
            push @{$client->{codes}}, $ws->{code} // 1006;
            connect_client($client);
        }
    }
}

sub resumed { return scalar grep { $_->{subscribed} } @clients }

connect_client($_) for @clients;
ok((wait_until { look(); resumed() == 1000 } 60), 'all are subscribed');

sub say_to {
    my ($i, $kind, $label, $text) = @_;

    my $answer = $nginx->client($kind => $label)->post(
        "/support/v1/conversations/$talks[$i - 1]/messages",
        {client_msg_id => $text, text => $text});

    is($answer->status, 201, "$text to conversation $i");
}

my $before = settled_reads();
my @old = $nginx->worker_pids('all');

$nginx->signal('HUP');
say_to($_, visitor => "v$_", 'two') for 1 .. 5;

ok((wait_until { look(); !grep { ChatTest::Nginx::alive($_) } @old } 60),
   'the old workers go');
ok((wait_until { look(); resumed() == 1000 } 60), 'all have come back');

say_to($_, agent => "a$_", 'three') for 1 .. 5;
ok((wait_until { look(); !grep { $_->{seen} < 3 } @clients } 30),
   'and receive what is said then');

is(scalar(grep { "@{$_->{seqs}}" ne '2 3' } @clients), 0,
   'each has each message once');
is(scalar(grep { $_->{wrong} } @clients), 0, 'none was told anything else');
is(scalar(grep { "@{$_->{codes} // []}" ne '1012' } @clients), 0,
   'each was asked once to come back');

my $cost = settled_reads() - $before;
note("$cost pages were read for 1000 resumes");
cmp_ok($cost, '>', 0, 'pages were read');
cmp_ok($cost, '<', 300, 'far fewer than there were resumes');

$nginx->stop;
is(join('', $nginx->alarms), '', 'nothing alarming in the log');

done_testing();
