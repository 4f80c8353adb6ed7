package Bench::Load;

# The generator, and what it is told for each kind of server.

use strict;
use warnings;

use JSON::PP ();
use Bench ();
use Bench::Store ();

my $json = JSON::PP->new->utf8;


# What all runs have in common: the servers whose memory and CPU count, by
# the part that they are.

sub new {
    my ($class, $bench, %watch) = @_;

    return bless {bench => $bench, watch => \%watch,
                  program => $bench->dir . '/load'}, $class;
}


# Runs the generator.  Options are its own, without dashes; a list repeats
# one, and "groups" are the subscribers.

sub run {
    my ($self, %opt) = @_;

    my @args;
    my $groups = delete $opt{groups} // [];
    my $gone = delete $opt{gone_is_fine};

    for my $group (@$groups) {
        my %group = %$group;

        push @args, '--sub-url', delete $group{'sub-url'};
        push @args, options(\%group);
    }

    push @args, options(\%opt);
    push @args, '--watch', join ',', map { "$_:$self->{watch}{$_}{pid}" }
                                     sort keys %{$self->{watch}}
        if %{$self->{watch}};

    my $log = $self->{bench}->dir . '/tmp/load.log';
    my $pid = open my $in, '-|';
    die "fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        open STDERR, '>', $log;
        exec $self->{program}, @args;
        exit 127;
    }

    local $self->{bench}{child} = $pid;

    my $out = do { local $/; <$in> } // '';
    close $in;

    my $result = eval { $json->decode($out) };
    my $said = Bench::read_file($log);

    return {void => ["the generator failed: $said"], args => \@args}
        unless $result;

    $result->{args} = \@args;
    my $void = void($result, $gone);
    $result->{void} = $void if @$void;
    $result->{limit} = limit($result, $opt{rate}, $self->{cores} //= cores());

    return $result;
}

sub cores {
    my $n = () = Bench::read_file('/proc/cpuinfo') =~ /^processor\s*:/mg;

    return $n;
}


# What kept it from being more: in a closed loop the server is to be busy, and
# the generator is not; an open one is to keep its rate.

sub limit {
    my ($r, $rate, $cores) = @_;

    return undef unless $r->{pub}{sent};

    my $cpu = $r->{cpu};

    return 'generator' if $cpu->{generator_max} > 0.93;

    # two may be due at the edges of what was measured
    return !$r->{deliver}{counted}
           && ($rate - $r->{pub}{per_s}) * $r->{window_s}
              > 0.05 * $rate * $r->{window_s} + 2
        ? 'behind' : 'rate' if $rate;

    return $cpu->{machine} < 0.85 * $cores ? 'nobody' : 'server';
}

sub options {
    my ($opt) = @_;

    return map {
        my ($name, $value) = ($_, $opt->{$_});

        !defined $value ? () : ref $value
            ? map { ("--$name", $_) } @$value
            : $value eq '' ? "--$name" : ("--$name", $value);
    } sort keys %$opt;
}


# Why a run does not count.

sub void {
    my ($r, $gone) = @_;

    my $d = $r->{deliver};
    my @why;

    push @why, 'not everybody connected' if $r->{failed};
    push @why, "lost $d->{lost}" if $d->{lost} != 0;
    push @why, "$d->{dup} twice" if $d->{dup};
    push @why, "$d->{out_of_order} out of order" if $d->{out_of_order};
    push @why, "$r->{pub}{failed} refused" if $r->{pub}{failed};
    push @why, "$r->{subs}{closed} closed" if $r->{subs}{closed} && !$gone;

    return \@why;
}


# Subscribers and publishers of a kind of server: kind, server, tls, vars.
# With "log" they get what the server still has, also those of the peers.

sub url {
    my ($t, $path) = @_;

    return ($t->{tls} ? "https://127.0.0.1:$t->{server}{tls}"
                      : "http://127.0.0.1:$t->{server}{port}") . $path;
}

sub subscribers {
    my ($t, $count, %opt) = @_;

    my $mode = $opt{mode} // 'ws';
    my %group = ('sub-url' => undef, 'sub-mode' => $mode, subs => $count,
                 %{$opt{group} // {}});

    if ($t->{kind} eq 'chat') {
        my $who = $opt{agent} ? Bench::Store::agent_token() : '{1}';

        $group{'sub-header'} = "Authorization: Bearer $who";

        if ($mode eq 'ws') {
            $group{'sub-url'} = url($t, '/support/v1/stream');
            $group{'sub-hello'}
                = '{"type":"subscribe","conversation":"{2}"{since}}';

        } else {
            $group{'sub-url'} = url($t, '/support/v1/stream?conversation={2}'
                                        . '{&since}');
        }

        $group{'sub-ready'} = '"subscribed"';

    } elsif ($t->{kind} eq 'node') {
        $group{'sub-url'} = url($t, '/ws/{c}' . ($opt{log} ? '?since=0'
                                                          : ''));

    } elsif ($t->{kind} eq 'bare') {
        $group{'sub-url'} = url($t, '/');

    } else {
        $group{'sub-url'} = url($t, $opt{log} ? '/log/{c}' : '/sub/{c}');
    }

    return \%group;
}

sub publishers {
    my ($t, $count, %opt) = @_;

    my %pub = (pubs => $count);

    if ($t->{kind} eq 'chat' && $opt{ws}) {
        %pub = (%pub, 'pub-mode' => 'ws',
            'pub-url' => url($t, '/support/v1/stream'),
            'pub-header' => 'Authorization: Bearer '
                            . Bench::Store::agent_token(),
            'pub-ack' => '"type":"sent"',
            body => '{"type":"send","conversation":"{2}","client_msg_id":'
                    . '"{id}","text":"@{ts} #{n} {pad}"}');

    } elsif ($t->{kind} eq 'chat') {
        %pub = (%pub,
            'pub-url' => url($t, '/support/v1/conversations/{2}/messages'),
            'pub-header' => ['Authorization: Bearer {1}',
                             'Content-Type: application/json'],
            body => '{"client_msg_id":"{id}","text":"@{ts} #{n} {pad}"}');

    } elsif ($t->{kind} eq 'node') {
        %pub = (%pub, 'pub-url' => url($t, '/send/{c}'),
            'pub-header' => 'Content-Type: application/json',
            body => '{"client_id":"{uuid}","text":"@{ts} #{n} {pad}"}');

    } elsif ($t->{kind} eq 'bare') {
        %pub = (%pub, 'pub-url' => url($t, '/'),
            'pub-header' => 'Content-Type: application/json',
            body => '{"client_msg_id":"{id}","text":"@{ts} #{n} {pad}"}');

    } else {
        %pub = (%pub, 'pub-url' => url($t, '/pub/{c}'),
            'pub-header' => 'Content-Type: application/json',
            body => '{"client_msg_id":"{id}","text":"@{ts} #{n} {pad}"}');
    }

    return %pub;
}


# Support traffic: each conversation has two subscribers, its visitor and an
# agent.

sub traffic {
    my ($self, $t, %opt) = @_;

    my $n = delete $opt{conversations};
    my $pubs = delete $opt{publishers} // 64;

    # of two publishers in a conversation no order is known
    $pubs = $n if $pubs > $n;

    return $self->run(
        groups => [subscribers($t, $n), subscribers($t, $n, agent => 1)],
        publishers($t, $pubs), channels => $n, vars => $t->{vars},
        $t->{kind} =~ /^nchan/ ? (nchan => '') : (), warmup => 0.5,
        duration => $self->{bench}->seconds, %opt);
}


1;
