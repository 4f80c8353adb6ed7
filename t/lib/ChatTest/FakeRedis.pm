package ChatTest::FakeRedis;

# A server on a Unix socket that speaks the protocol of Redis, or what it is
# told to instead.

use strict;
use warnings;

use IO::Select ();
use IO::Socket::UNIX ();
use ChatTest ();


# new(name, [label, what]...): each connection of a role (one that publishes,
# one that subscribes) gets the next of the list, from the first command on:
# a text is sent as it is, with "close" the connection is closed after it; a
# sub is given a command's words and returns the answer.  When the list is
# over connections are closed, until honest() is called.

sub new {
    my ($class, $name, @odd) = @_;

    my ($script) = $0 =~ m{([^/]+?)(?:\.t)?\z};
    my $dir = ChatTest::build_dir("$script-$name");
    my $self = bless {
        path => "$dir/redis", log => "$dir/log", flag => "$dir/honest",
        odd => \@odd, pid => $$,
    }, $class;

    unlink $self->{path}, $self->{log}, $self->{flag};

    $self->{listen} = IO::Socket::UNIX->new(Local => $self->{path},
                                            Listen => 64)
        or die "fake redis: $self->{path}: $!\n";
    chmod 0777, $self->{path};

    $self->{child} = fork // die "fork: $!\n";

    if (!$self->{child}) {
        $SIG{TERM} = 'DEFAULT';
        $SIG{PIPE} = 'IGNORE';
        $self->serve;
        exit 0;
    }

    close $self->{listen};
    return $self;
}


sub address { return "unix:$_[0]{path}" }


sub honest {
    my ($self) = @_;

    open my $out, '>', $self->{flag} or die "$self->{flag}: $!\n";
}


# Labels that connections got, with the role before them.

sub served {
    my ($self) = @_;

    open my $in, '<', $self->{log} or return;
    chomp(my @lines = <$in>);
    return @lines;
}


sub serve {
    my ($self) = @_;

    my $select = IO::Select->new($self->{listen});
    my (%buffer, %state, %next);

    for ( ;; ) {
        for my $s ($select->can_read) {

            if ($s == $self->{listen}) {
                my $c = $s->accept or next;
                $select->add($c);
                $buffer{$c} = '';
                next;
            }

            my $n = sysread $s, $buffer{$s}, 65536, length $buffer{$s};

            for my $words ($n ? words(\$buffer{$s}) : ()) {
                my $role = $words->[0] eq 'SUBSCRIBE' ? 'sub' : 'pub';

                # answered when the role is known
                push @{$state{$s}{before}}, $words;
                next if $words->[0] !~ /SUBSCRIBE|PUBLISH/;

                if (!$state{$s}{label}) {
                    my $odd = -e $self->{flag}
                        ? ['honest', 'honest']
                        : $self->{odd}[$next{$role}++]
                          // ['over', 'close'];
                    @{$state{$s}}{qw(label what)} = @$odd;
                    open my $log, '>>', $self->{log};
                    print $log "$role $odd->[0]\n";
                }

                $n = $self->answer($s, $state{$s}, \%state, $select);
                last if !$n;
            }

            if (!$n) {
                $select->remove($s);
                delete $buffer{$s};
                delete $state{$s};
                close $s;
            }
        }
    }
}


# Complete commands at the beginning of the buffer.

sub words {
    my ($buffer) = @_;
    my @commands;

    while ($$buffer =~ /\A\*(\d+)\r\n/) {
        my ($n, $at, @words) = ($1, $+[0]);

        while ($n--) {
            substr($$buffer, $at) =~ /\A\$(\d+)\r\n/ or return @commands;
            my ($len, $head) = ($1, $+[0]);
            return @commands if length($$buffer) < $at + $head + $len + 2;
            push @words, substr $$buffer, $at + $head, $len;
            $at += $head + $len + 2;
        }

        substr $$buffer, 0, $at, '';
        push @commands, \@words;
    }

    return @commands;
}


sub answer {
    my ($self, $s, $my, $all, $select) = @_;

    for my $words (splice @{$my->{before}}) {
        my $what = $my->{what};

        if (ref $what) {
            syswrite $s, $what->(@$words);

        } elsif ($what eq 'honest') {
            honest_answer($s, $my, $all, $select, @$words);

        } else {
            my $close = $what =~ s/close\z//;

            if (!$my->{said}++) {
                local $SIG{ALRM} = sub { };
                alarm 1;
                syswrite $s, $what;
                alarm 0;
            }

            return 0 if $close;
        }
    }

    return 1;
}


sub bulk { return join '', map { '$' . length($_) . "\r\n$_\r\n" } @_ }


sub honest_answer {
    my ($s, $my, $all, $select, $command, @args) = @_;

    if ($command eq 'SUBSCRIBE') {
        for (@args) {
            $my->{channels}{$_} = 1;
            syswrite $s, "*3\r\n" . bulk('subscribe', $_) . ":1\r\n";
        }

    } elsif ($command eq 'PUBLISH') {
        my $n = 0;

        for my $other ($select->handles) {
            next unless $all->{$other}{channels}{$args[0]};
            syswrite $other, "*3\r\n" . bulk('message', @args);
            $n++;
        }

        syswrite $s, ":$n\r\n";

    } else {
        syswrite $s, "+OK\r\n";
    }
}


sub stop {
    my ($self) = @_;

    kill 'TERM', $self->{child};
    waitpid $self->{child}, 0;
    delete $self->{child};
}


sub DESTROY {
    my ($self) = @_;

    return if $$ != $self->{pid} || !$self->{child};

    local ($@, $?);
    $self->stop;
}


1;
