package ChatTest::Load;

# Visitors and agents who talk, t/faults/load.mjs, and what the checker says
# of it.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Handle ();
use IPC::Open2 qw(open2);
use Time::HiRes qw(sleep time);
use ChatTest ();

my $dir = abs_path(dirname(__FILE__) . '/../../faults');
my $count = 0;


# Options: world (ChatTest::World), slack (of deadlines, as a factor), and those
# of load.mjs.  Returns when everybody is there and reads.

sub new {
    my ($class, %opt) = @_;

    my $world = delete $opt{world};
    my $base = "$world->{root}/load" . ++$count;
    my $self = bless {
        world => $world, buffer => '', said => {}, pid => $$,
        history => "$base.history", record => "$base.record",
        log => "$base.log", slack => delete $opt{slack} // 1,
    }, $class;
    my $text = ChatTest::json_encode({
        history => $self->{history}, targets => $world->targets,
        sites => $world->sites, rate => 60, %opt,
    });

    open my $log, '>', $self->{log} or die "$self->{log}: $!\n";
    open my $stderr, '>&', \*STDERR or die "dup: $!\n";
    open STDERR, '>&', $log or die "dup: $!\n";
    $self->{child} = open2($self->{out}, $self->{in}, 'node',
                           "$dir/load.mjs", $text);
    open STDERR, '>&', $stderr or die "dup: $!\n";

    $self->{in}->autoflush;
    $self->{out}->blocking(0);
    $self->{talks} = $self->expect('ready', 60)->{talks};
    $self->until(sub { $self->all_live }, 60, 'everybody reads');

    return $self;
}


sub tell {
    my ($self, $do, %more) = @_;

    local $SIG{PIPE} = 'IGNORE';
    print {$self->{in}} ChatTest::json_encode({do => $do, %more}), "\n";
}


# Takes what the load has said meanwhile.

sub pump {
    my ($self) = @_;

    while (sysread $self->{out}, $self->{buffer}, 1 << 16,
                   length $self->{buffer}) { }

    while ($self->{buffer} =~ s/\A(.*)\n//) {
        my $said = ChatTest::json_decode($1);

        $self->{said}{$said->{say}} = $said;
        die "the load crashed: $said->{error}\n" if $said->{say} eq 'crash';
    }
}


sub status { $_[0]->pump; return $_[0]{said}{status} // {} }

sub acked { $_[0]->status->{acked} // 0 }

sub all_live {
    my $status = $_[0]->status;
    return $status->{readings} && $status->{live} == $status->{readings};
}


# Until the condition holds; dies when it does not.

sub until {
    my ($self, $condition, $seconds, $what) = @_;

    my $deadline = time + $seconds * $self->{slack};

    for ( ;; ) {
        $self->pump;

        my $value = $condition->();
        return $value if $value;

        if (time > $deadline) {
            my $status = $self->{said}{status};
            my $text = ChatTest::json_encode($status // {});
            my @tails = map { "$_->{port}:\n" . $_->tail }
                        @{$self->{world}{hosts}};

            die "in vain: $what; $text\n@tails" . `tail -n 20 $self->{log}`;
        }

        sleep 0.05;
    }
}


sub expect {
    my ($self, $what, $seconds) = @_;

    return $self->until(sub { delete $self->{said}{$what} }, $seconds // 60,
                        "\"$what\" of the load");
}


# Lets the present state last.

sub dwell {
    my ($self, $seconds) = @_;

    my $end = time + $seconds;

    while (time < $end) {
        $self->pump;
        sleep 0.05;
    }
}


sub go { $_[0]->tell('go') }

sub mark {
    my ($self) = @_;

    $self->tell('mark');
    return $self->expect('marked');
}


# Until so many more are acknowledged and everybody reads.

sub flows {
    my ($self, $n, $seconds) = @_;

    my $before = $self->acked;

    $self->until(sub { $self->acked >= $before + $n && $self->all_live },
                 $seconds // 60, "$n more messages");
}


# The same where not everybody can read.

sub flows_in_part {
    my ($self, $n, $seconds) = @_;

    my $before = $self->acked;

    $self->until(sub { $self->acked >= $before + $n }, $seconds // 60,
                 "$n more messages");
}


# The end: all have their answers, the record is written, and everybody has
# what he may see.  Returns what the checker says, and "behind".

sub finish {
    my ($self, %opt) = @_;

    $self->tell('quiesce');
    $self->expect('quiet', 120);
    $self->write_record($opt{resets} // []);

    $self->tell('heads', value => $self->heads);

    if (!eval { $self->until(sub { $self->{said}{level} },
                             $opt{patience} // 60, 'everybody is level') })
    {
        $self->tell('impatient');
        $self->expect('level');
    }

    my $stops = $self->status->{stops};

    $self->tell('close');
    $self->expect('closed');

    open my $in, '-|', 'node', "$dir/verify.mjs", $self->{history},
                       $self->{record} or die "node: $!\n";
    my $text = do { local $/; <$in> };
    close $in or die "the checker failed\n";

    my $result = ChatTest::json_decode($text);

    $result->{behind} = $self->{said}{behind}{readers} // [];
    $result->{stops} = $stops;

    return $result;
}


sub ids { return join ', ', map { "'$_'" } @{$_[0]{talks}} }


sub write_record {
    my ($self, $resets) = @_;

    my $ids = $self->ids;
    my $sql = "SELECT json_build_object('talk', json_build_object('id', c.id,
            'site', s.name, 'visitor', c.visitor))
        FROM chat.conversation c JOIN chat.site s ON s.id = c.site
        WHERE c.id IN ($ids);
        SELECT json_build_object('event', json_build_object('conversation',
            e.conversation, 'seq', e.seq, 'type', e.type, 'internal',
            e.internal, 'sender', e.sender_id, 'm', e.client_msg_id,
            'text', e.text))
        FROM chat.event e WHERE e.conversation IN ($ids);";

    open my $in, '|-', 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-o',
         $self->{record}, $self->{world}->conninfo or die "psql: $!\n";
    print $in $sql;
    close $in or die "the record cannot be read\n";

    open my $out, '>>', $self->{record} or die "$self->{record}: $!\n";
    print $out ChatTest::json_encode({resets => $resets}), "\n";
    close $out;
}


sub heads {
    my ($self) = @_;

    my $ids = $self->ids;
    my %heads;

    for (split /\n/, ChatTest::psql(
        "SELECT conversation, max(seq) FILTER (WHERE NOT internal), max(seq)
         FROM chat.event WHERE conversation IN ($ids) GROUP BY conversation",
        $self->{world}->conninfo))
    {
        my ($id, $public, $all) = split /\|/;
        $heads{$id} = {visitor => $public + 0, agent => $all + 0};
    }

    return \%heads;
}


sub stop {
    my ($self) = @_;

    return if !$self->{child};

    $self->tell('quit');
    close $self->{in};

    local $?;
    waitpid delete $self->{child}, 0;
}


sub DESTROY {
    my ($self) = @_;

    return if $$ != $self->{pid};

    local ($@, $?);
    eval { $self->stop };
}


1;
