package ChatTest::Faults::Client;

# Faults of clients: those who go away, read nothing, ask too much.  The
# others must not feel it.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Handle ();
use IPC::Open2 qw(open2);
use ChatTest ();

my $script = abs_path(dirname(__FILE__) . '/../../../faults/hostile.mjs');


sub faults {
    return (
        {id => 'F15', name => 'clients leave at every byte of a request',
         times => 1, long => 3, strike => sub {
             my ($world, $load) = @_;
             my $client = hostile($world, 'abort');

             $load->until(sub { $client->{over} = over($client) }, 300,
                          'every beginning was sent');
         }},

        {id => 'F16', name => '100 readers read nothing, with 10 MB for each',
         times => 1, long => 3, strike => \&slow},

        {id => 'F17', name => 'a visitor sends as fast as he can for 5 s',
         times => 1, long => 3, world => {limit => limits()},
         strike => sub { flood(@_, 'flood', qr/^429$/) }},

        {id => 'F17h', name => 'handshakes as fast as they go for 5 s',
         times => 1, long => 3, world => {limit => limits()},
         strike => sub {
             flood(@_, 'knock', qr/^429$/, address => '127.0.0.9');
         }},

        {id => 'F21', name => 'the table of limits is full',
         times => 1, long => 3, world => {limit => limits()},
         strike => sub {
             flood(@_, 'crowd', qr/^200$/, addresses => 20000);
         }},
    );
}


# The defaults, but for the load, which is more than anybody does.

sub limits {
    return 'messages=20r/s burst=40 sustained=1200r/m typing=100r/s '
        . 'conversations=1000r/s handshakes=100r/s burst=1000 streams=100 '
        . 'tokens=100r/s burst=1000 address_messages=100000r/m '
        . 'agent=1000r/s';
}


# A client of hostile.mjs, who is a visitor with a conversation.

sub hostile {
    my ($world, $kind, %more) = @_;

    my $nginx = $world->nginx;
    my $token = $nginx->client->post('/support/v1/session',
                                     {mode => 'bearer'})->json->{token};
    my $talk = $nginx->client(token => $token)->post(
        '/support/v1/conversations',
        {client_msg_id => 'first', text => 'hello'})->json->{id};
    my $self = {token => $token, conversation => $talk};

    $self->{child} = open2($self->{out}, $self->{in}, 'node', $script, $kind,
        ChatTest::json_encode({port => $nginx->port, prefix => '/support/',
            token => $token, conversation => $talk, %more}));
    $self->{out}->blocking(0);
    $self->{text} = '';

    return $self;
}


# Its result once it has one.

sub over {
    my ($self) = @_;

    my $n = sysread $self->{out}, $self->{text}, 65536, length $self->{text};

    return if $self->{text} !~ /^(\{.*\})$/m;

    my $result = ChatTest::json_decode($1);

    local $?;
    waitpid $self->{child}, 0;

    return $result;
}


# Whoever does too much is told so; the others' messages go on.

sub flood {
    my ($world, $load, $n, $kind, $expected, %more) = @_;

    my $client = hostile($world, $kind, seconds => 5, %more);
    my $result;

    $load->until(sub { $result = over($client) }, 300, "the end of $kind");

    my @seen = grep { $_ =~ $expected } keys %{$result->{codes}};

    die "$kind: " . ChatTest::json_encode($result) . "\n" if !@seen;
}


sub slow {
    my ($world, $load) = @_;

    my $client = hostile($world, 'slow', sockets => 100);
    my $before = $world->measure->{memory};

    $load->until(sub { over($client); $client->{text} =~ /^ready$/m }, 60,
                 'the readers');

    my $sender = $world->nginx->client(token => $client->{token},
                                       keepalive => 1);

    for my $n (1 .. 640) {
        my $answer = $sender->post(
            "/support/v1/conversations/$client->{conversation}/messages",
            {client_msg_id => "s-$n", text => 'x' x 16384});

        die 'slow: ' . $answer->status . "\n" if $answer->status != 201;
        $load->pump;
    }

    my $grown = $world->measure->{memory} - $before;

    # at most 256 KiB for each, and what an allocator adds
    die "slow: memory has grown by $grown KB\n" if $grown > 40 * 1024;

    $load->flows_in_part(100);
    close $client->{in};
    $load->until(sub { over($client) }, 60, 'they leave');
}


1;
