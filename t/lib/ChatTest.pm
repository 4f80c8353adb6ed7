package ChatTest;

# Data for the tests: SQL, visitors, agents, conversations, credentials.
#
# Everything belongs to one site that is new in each process, named in
# $TEST_NGINX_SITE, so that no file sees the rows of another.

use strict;
use warnings;

use Digest::SHA qw(sha256 hmac_sha256);
use Exporter 'import';
use File::Path qw(make_path);
use File::Spec ();
use IPC::Open3 qw(open3);
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(sleep time);

our @EXPORT = qw(
    psql quote site site_id uuid visitor visitor_token agent agent_token
    conversation message epoch cursor wait_until build_dir json_encode
    json_decode contains
);

our $Kid = '0a1b2c3d';
our $Key = 'c0ffee' x 16;
our $OtherKid = '5e6f7081';
our $OtherKey = 'badcab' x 16;

my $run = sprintf '%x-%x', time, $$;
my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $owner = $$;
my ($cluster, %visitors, %agents);

# one that hangs ends as a failure, and stops what it has started
$SIG{ALRM} = sub { die "the test takes too long\n" if $$ == $owner };
alarm($ENV{CHAT_TEST_LIMIT} // 1800);


# Where tests may write; made if absent.

sub build_dir {
    my $dir = File::Spec->catdir(
        File::Spec->rel2abs($ENV{TEST_CHAT_BUILD} || 'build/t'), @_);

    make_path($dir);
    return $dir;
}


sub json_encode { return $json->encode($_[0]) }
sub json_decode { return $json->decode($_[0]) }


# The conninfo of the suite's PostgreSQL; a test that is run by hand gets its
# own.

sub postgres {
    if (!$ENV{TEST_NGINX_POSTGRES}) {
        require ChatTest::Postgres;
        $cluster = ChatTest::Postgres->new('postgres', 'fsync=off',
                                          'track_functions=pl');
        $ENV{TEST_NGINX_POSTGRES} = $cluster->start;
    }

    return $ENV{TEST_NGINX_POSTGRES};
}


# Runs SQL and returns what psql prints, columns separated by "|".  Dies when
# the server refuses it.

sub psql {
    my ($sql, $conninfo) = @_;

    my $pid = open3(my $in, my $out, undef, 'psql', '-XqAt', '-v',
                    'ON_ERROR_STOP=1', '-v', 'VERBOSITY=terse',
                    $conninfo // postgres());
    binmode $_ for $in, $out;
    print $in $sql;
    close $in;

    my $text = do { local $/; <$out> } // '';
    waitpid $pid, 0;
    die "psql: $text in: $sql\n" if $?;

    chomp $text;
    return $text;
}


# The schema is the module's own doing: an nginx is started for it if it is
# not there.

sub schema {
    return if psql("SELECT to_regclass('chat.event')") ne '';

    require ChatTest::Nginx;
    ChatTest::Nginx->new(name => 'schema', workers => 1)->start->stop;
}


sub quote {
    my ($text) = @_;

    return 'NULL' unless defined $text;
    $text =~ s/'/''/g;
    return "'$text'";
}


sub site { return $ENV{TEST_NGINX_SITE} }


my $site_id;

sub site_id {
    if (!defined $site_id) {
        schema();
        $site_id = psql('SELECT chat.site_put_1(' . quote(site()) . ')');
    }

    return $site_id;
}


# The same UUID for the same label, another in each process.

sub uuid {
    my ($label) = @_;

    my $hex = unpack 'H*', sha256("$run $label");
    substr($hex, 12, 1) = '7';
    substr($hex, 16, 1) = '8';

    return join '-', unpack 'A8 A4 A4 A4 A12', $hex;
}


# The id of a visitor of that label, who exists from then on.

sub visitor {
    my ($label, %opt) = @_;

    my $id = uuid("visitor $label");
    return $id if $visitors{$label}++;

    psql('INSERT INTO chat.visitor (site, id, name, valid_from, created_at) '
         . 'VALUES (' . join(', ', site_id(), quote($id), quote($opt{name}),
                             $opt{valid_from} // 0, 'chat.now_ms()') . ')');

    return $id;
}


# A visitor's token, genuine unless an option says otherwise: version, kid,
# key, site, issued (ms), age (seconds before now), visitor (uuid).

sub visitor_token {
    my ($label, %opt) = @_;

    my $id = $opt{visitor} // visitor($label);
    my $issued = $opt{issued} // int(time * 1000) - 1000 * ($opt{age} // 0);
    my $claims = pack('C H8', $opt{version} // 1, $opt{kid} // $Kid)
        . substr(sha256($opt{site} // site()), 0, 8)
        . pack('H32', $id =~ tr/-//dr) . pack('q>', $issued);
    my $mac = hmac_sha256("chat visitor\0$claims",
                          pack 'H*', $opt{key} // $Key);

    return base64url($claims . $mac);
}


sub base64url {
    my $text = encode_base64($_[0], '');

    $text =~ tr{+/}{-_};
    $text =~ s/=+\z//;
    return $text;
}


# The id of an agent of that label, who exists from then on.  Options: role,
# name, email, password (as stored), site.

sub agent {
    my ($label, %opt) = @_;

    return $agents{$label}{id} if $agents{$label};

    site_id();

    my $id = psql('SELECT chat.agent_put_1(' . join(', ',
        quote($opt{site} // site()), quote($opt{email} // "$label\@a.test"),
        quote($opt{name} // ucfirst $label), quote($opt{role} // 'agent'),
        quote($opt{password} // 'none')) . ')');

    $agents{$label} = {id => $id};

    return $id;
}


# The token of a live session of the agent.  Options: expires and ends, as
# SQL intervals from now, new (not the one returned before).

sub agent_token {
    my ($label, %opt) = @_;

    my $id = agent($label);
    my $known = $agents{$label}{token};

    return $known if defined $known && !%opt;

    my $token = sha256("$run $label " . rand);
    my $session = uuid('session ' . unpack 'H*', $token);

    psql('INSERT INTO chat.agent_session (id, site, agent, token_hash, '
         . 'expires_at, ends_at, created_at) SELECT ' . quote($session)
         . ", a.site, a.id, '\\x" . unpack('H*', sha256($token)) . "', "
         . 'now() + interval ' . quote($opt{expires} // '12 hours')
         . ', now() + interval ' . quote($opt{ends} // '7 days')
         . ", now() FROM chat.agent a WHERE a.id = '$id'");

    if (!%opt) {
        $agents{$label}{token} = base64url($token);
        $agents{$label}{session} = $session;
    }

    return base64url($token);
}


# Five SQL values: site, kind, id, issued, session of "visitor alice" or
# "agent dana".

sub actor {
    my ($who) = @_;

    my ($kind, $label) = split ' ', $who;

    if ($kind eq 'visitor') {
        my $now = int(time * 1000);
        return (site_id(), "'visitor'", quote(visitor($label)), $now, 'NULL');
    }

    agent_token($label);
    return (site_id(), "'agent'", quote(agent($label)), 0,
            quote($agents{$label}{session}));
}


# A new conversation of a visitor with these messages; its id.

my $messages = 0;

sub conversation {
    my ($label, @texts) = @_;

    my $id = uuid('conversation ' . ++$messages);
    my ($first, @more) = @texts ? @texts : 'hello';

    psql('SELECT outcome FROM chat.conversation_create_1(' . join(', ',
        actor("visitor $label"), quote($id), 'gen_random_uuid()',
        quote("c-$messages"), quote($first), quote(epoch())) . ')');
    message($id, "visitor $label", $_) for @more;

    return $id;
}


# Appends a message by "visitor alice" or "agent dana", or by "note dana" an
# internal one; returns its seq.

sub message {
    my ($conversation, $who, $text, $client_msg_id) = @_;

    my $note = $who =~ s/^note /agent / ? 'true' : 'false';
    my @row = (actor($who), quote($conversation), 'gen_random_uuid()',
               quote($client_msg_id // 'm-' . ++$messages), $note,
               quote($text), 'NULL', -1);
    my @types = qw(int text uuid bigint uuid uuid uuid text boolean text text
                   bigint);

    my $row = psql('SELECT outcome, seq FROM chat.append_1('
                   . join(', ', map { "ARRAY[$row[$_]]::$types[$_]\[]" }
                                0 .. $#row)
                   . ', true) WHERE idx = 1');

    die "append: $row\n" unless $row =~ /^(?:created|duplicate)\|(\d+)$/;
    return $1;
}


sub epoch { return psql('SELECT epoch FROM chat.schema_info_1()') }
sub cursor { return epoch() . ".$_[0]" }


# Calls the sub until it returns something true, which is returned; undef once
# the seconds are over.

sub wait_until(&;$) {
    my ($sub, $seconds) = @_;

    my $deadline = time + ($seconds // 30);

    for ( ;; ) {
        my $value = $sub->();

        return $value if $value;
        return if time >= $deadline;
        sleep 0.02;
    }
}


# Compares data with what is expected of it: members that are not named may be
# anything, "~re" is a pattern, "!" is absence, "*" is anything but absence.
# Returns the path of the first difference, or undef.

sub contains {
    my ($got, $want, $path) = @_;

    $path //= '';

    if (ref $want eq 'HASH') {
        return "$path is no object" if ref $got ne 'HASH';

        for my $name (sort keys %$want) {
            my $value = $want->{$name};

            if (!ref $value && defined $value && $value eq '!') {
                return "$path.$name is there" if exists $got->{$name};
                next;
            }

            return "$path.$name is missing" unless exists $got->{$name};

            my $difference = contains($got->{$name}, $value, "$path.$name");
            return $difference if defined $difference;
        }

        return;
    }

    if (ref $want eq 'ARRAY') {
        return "$path is no array" if ref $got ne 'ARRAY';
        return "$path has " . @$got . ' elements, not ' . @$want
            if @$got != @$want;

        for my $i (0 .. $#$want) {
            my $difference = contains($got->[$i], $want->[$i], "$path\[$i]");
            return $difference if defined $difference;
        }

        return;
    }

    my ($a, $b) = map { $json->encode($_) } $got, $want;

    return if $a eq $b;
    return if !ref $want && defined $want && $want eq '*';

    if (!ref $want && defined $want && $want =~ /\A~(.*)\z/s) {
        return if defined $got && !ref $got && $got =~ /$1/s;
    }

    return "$path is $a, not $b";
}


$ENV{TEST_NGINX_SITE} //= 't-' . $run;

{
    my $path = build_dir() . "/keys.$$";
    my $umask = umask 077;

    open my $out, '>', $path or die "cannot write $path: $!\n";
    print $out "$Kid $Key\n";
    close $out;
    umask $umask;

    $ENV{TEST_NGINX_KEYS} = $path;
    postgres();
}


END {
    if ($$ == $owner) {
        local $?;
        unlink $ENV{TEST_NGINX_KEYS};
        $cluster->stop if $cluster;
    }
}


1;
