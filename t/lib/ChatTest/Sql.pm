package ChatTest::Sql;

# A database of one test with the schema in it, and sessions with that
# database, which may be left inside a transaction or waiting for a lock.

use strict;
use warnings;

use Digest::SHA qw(sha256);
use File::Basename qw(dirname);
use JSON::PP ();
use ChatTest ();
use ChatTest::Sql::Session;

my $json = JSON::PP->new->utf8;

our $Epoch = '0123456789abcdef';

# the version of the append that is tested
our $Append = 2;

# the columns of event_result and append_result
our @Header = qw(outcome head pub_head owner state more reason body);
our @Event = qw(seq type id client_msg_id sender_kind sender_id sender_name
                internal pub text data created_at);


sub new {
    my ($class, %opt) = @_;

    my ($script) = $0 =~ m{([^/]+?)(?:\.t)?\z};
    (my $name = "${script}_$$") =~ s/\W/_/g;

    my $self = bless {
        base => ChatTest::postgres(), name => $name, pid => $$, n => 0,
        src => dirname(__FILE__) . '/../../../src/sql',
    }, $class;

    ChatTest::psql("CREATE DATABASE $name OWNER chat", $self->superuser);
    $self->migrate unless $opt{empty};

    return $self;
}


sub with {
    my ($self, %set) = @_;

    my $conninfo = $self->{base};
    $conninfo =~ s/\b$_=\S+// for keys %set;

    return "$conninfo " . join ' ', map { "$_=$set{$_}" } sort keys %set;
}

sub superuser { $_[0]->with(dbname => 'postgres', user => 'postgres') }
sub conninfo { $_[0]->with(dbname => $_[0]{name}) }

sub files {
    my ($self) = @_;

    return sort glob "$self->{src}/[0-9][0-9][0-9][0-9]_*.sql";
}


# Every file in a transaction of its own.

sub migrate {
    my ($self) = @_;

    for my $file ($self->files) {
        open my $in, '<', $file or die "$file: $!\n";
        my $sql = do { local $/; <$in> };
        ChatTest::psql("BEGIN;\n$sql\nCOMMIT;\n", $self->conninfo);
    }
}


# A new connection.

sub session { ChatTest::Sql::Session->new($_[0]->conninfo) }


# The connection for what needs no connection of its own.

sub main { $_[0]{main} //= $_[0]->session }
sub rows { shift->main->rows(@_) }
sub value { shift->main->value(@_) }


sub uuid {
    my ($self) = @_;

    my $hex = unpack 'H*', sha256("$self->{name} " . $self->{n}++);
    substr($hex, 12, 1) = '7';
    substr($hex, 16, 1) = '8';

    return join '-', unpack 'A8 A4 A4 A4 A12', $hex;
}


sub site {
    my ($self, $name) = @_;

    return $self->value("SELECT chat.site_put_1('$name')");
}


# Actors: what functions are told of who asks.

sub visitor {
    my ($self, $site) = @_;

    my $id = $self->uuid;
    my ($row) = $self->rows("SELECT issued FROM chat.session_start_1("
        . "$site, NULL, NULL, '$id', 'en', '/page', '$Epoch')");

    return {site => $site, kind => 'visitor', id => $id,
            issued => $row->[0]};
}

sub agent {
    my ($self, $site, $name) = @_;

    my $session = $self->uuid;
    my $id = $self->value("SELECT chat.agent_put_1((SELECT name FROM "
        . "chat.site WHERE id = $site), '$name\@example.com', '$name', "
        . "'agent', 'secret')");
    $self->rows("SELECT * FROM chat.agent_session_create_1($site, '$id', "
        . "'secret', '$session', sha256('$session'))");

    return {site => $site, kind => 'agent', id => $id, issued => 0,
            session => $session, name => $name};
}

sub actor {
    my ($self, $actor) = @_;

    return "$actor->{site}, '$actor->{kind}', '$actor->{id}', "
        . "$actor->{issued}, "
        . ($actor->{session} ? "'$actor->{session}'" : 'NULL');
}


# Calls a function that answers with events: (header, events).

sub events {
    my ($self, $call, $session) = @_;

    my @rows = ($session // $self->main)->rows("SELECT * FROM $call");

    return event_rows(@rows);
}

sub event_rows {
    my ($first, @rows) = @_;
    my (%header, @events);

    @header{@Header} = @$first;
    $header{state} = $json->decode($header{state}) if $header{state};
    $header{body} = $json->decode($header{body}) if $header{body};

    for my $row (@rows) {
        my %event;
        @event{@Event} = @$row[8 .. 19];
        push @events, \%event;
    }

    return (\%header, @events);
}


# (outcome, decoded body)

sub body {
    my ($self, $call, $session) = @_;

    my ($row) = ($session // $self->main)
        ->rows("SELECT outcome, body FROM $call");

    return ($row->[0], $row->[1] && $json->decode($row->[1]));
}


# A new conversation of the visitor; its id.

sub conversation {
    my ($self, $visitor, $text) = @_;

    my $id = $self->uuid;
    my ($header) = $self->events($self->create_call($visitor, id => $id,
        key => $id, text => $text));
    die "no conversation: $header->{outcome}\n"
        if $header->{outcome} ne 'created';

    return $id;
}

sub create_call {
    my ($self, $visitor, %opt) = @_;

    return sprintf "chat.conversation_create_2(%s, '%s', '%s', '%s', %s, "
        . "'$Epoch')", $self->actor($visitor), $opt{id} // $self->uuid,
        $self->uuid, $opt{key}, ChatTest::quote($opt{text} // 'hello');
}


# The append of messages: hashes of actor, to (conversation), key, and
# perhaps text, note, expected.

sub append_call {
    my ($self, $wait, @messages) = @_;

    my $array = sub {
        my ($type, $of) = @_;
        return 'ARRAY[' . join(', ', map { $of->($_) } @messages)
            . "]::${type}\[]";
    };
    my $q = \&ChatTest::quote;

    return "chat.append_$Append(" . join(', ',
        $array->(int4 => sub { $_->{actor}{site} }),
        $array->(text => sub { $q->($_->{actor}{kind}) }),
        $array->(uuid => sub { $q->($_->{actor}{id}) }),
        $array->(int8 => sub { $_->{actor}{issued} }),
        $array->(uuid => sub { $q->($_->{actor}{session}) }),
        $array->(uuid => sub { $q->($_->{to}) }),
        $array->(uuid => sub { $q->($self->uuid) }),
        $array->(text => sub { $q->($_->{key}) }),
        $array->(bool => sub { $_->{note} ? 'true' : 'false' }),
        $array->(text => sub { $q->($_->{text} // $_->{key}) }),
        $array->(text => sub { 'NULL' }),
        $array->(int8 => sub { $_->{expected} // -1 }),
        $wait ? 'true' : 'false') . ')';
}

sub append_sql { 'SELECT * FROM ' . shift->append_call(@_) }

sub append {
    my ($self, @messages) = @_;

    return append_rows($self->rows($self->append_sql(0, @messages)));
}


# Hashes in the order of idx.

sub append_rows {
    my @results;

    for my $row (sort { $a->[0] <=> $b->[0] } @_) {
        my %result;
        @result{qw(idx outcome conversation head pub_head), @Event} = @$row;
        push @results, \%result;
    }

    return @results;
}

sub outcomes { map { $_->{outcome} } @_ }


# The log as it is, "seq:text" or "seq:type".

sub log {
    my ($self, $conversation) = @_;

    return map { $_->[0] } $self->rows("SELECT seq || ':' || "
        . "coalesce(text, type) FROM chat.event "
        . "WHERE conversation = '$conversation' ORDER BY seq");
}


sub DESTROY {
    my ($self) = @_;

    return if $self->{pid} != $$;

    local ($@, $?);
    delete $self->{main};
    eval { ChatTest::psql("DROP DATABASE $self->{name} WITH (FORCE)",
                          $self->superuser) };
}

1;
