package ChatTest::Stream;

# The nginx, the conversations and the members for t/stream/*.mjs.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use ChatTest;
use ChatTest::Nginx;
use ChatTest::Node;

my $length = 450;


# Options are those of ChatTest::Nginx, and drain (seconds).

sub new {
    my ($class, %opt) = @_;

    my $http = delete $opt{http} // '';
    my $drain = delete $opt{drain} // 3;
    my $nginx = ChatTest::Nginx->new(workers => 2, %opt,
        http => "chat_drain ${drain}s; gzip on; gzip_types *; $http")->start;
    my $long = conversation('alice', 'one');
    my $gone = conversation('alice', 'gone');

    psql("UPDATE chat.conversation SET erased_at = now()
           WHERE id = '$gone'");
    append($long, $length);

    return bless {nginx => $nginx, env => {
        pid => $nginx->master, drain => $drain, epoch => epoch(),
        long => $long, length => $length, gone => $gone,
        site => ChatTest::site(), plain => 'h1',
        dana => agent('dana', name => 'Dana'),
        tokens => {alice => visitor_token('alice'),
                   bob => visitor_token('bob'),
                   dana => agent_token('dana')},
    }}, $class;
}


sub nginx { $_[0]{nginx} }


# Each test of the file over the protocol; the rest is added to what it finds
# in CHAT_STREAM.

sub run {
    my ($self, $protocol, %more) = @_;

    my $file = delete $more{file} // 'stream.test.mjs';

    local $ENV{CHAT_STREAM} = json_encode({
        %{$self->{env}}, protocol => $protocol,
        quiet => conversation('bob', 'quiet'), %more});

    ChatTest::Node->run(dir(), $file);
}


# What a program prints that is no test.

sub output {
    my ($self, $file, %more) = @_;

    local $ENV{CHAT_STREAM} = json_encode({%{$self->{env}}, %more});
    open my $in, '-|', 'node', dir() . "/$file" or die "node: $!\n";
    my @lines = <$in>;
    close $in or die "node $file failed\n";

    return @lines;
}


sub dir { return dirname(abs_path($0)) . '/stream' }

# Messages up to that seq in one statement.

sub append {
    my ($conversation, $last) = @_;

    my @actor = ChatTest::actor('agent dana');
    my @types = qw(int text uuid bigint uuid);
    my @arrays = map { "array_agg($actor[$_]::$types[$_])" } 0 .. $#actor;

    for (my $from = 2; $from <= $last; $from += 100) {
        my $to = $from + 99 < $last ? $from + 99 : $last;

        psql('SELECT a.outcome FROM (SELECT ' . join(', ',
             map { "$arrays[$_] AS a$_" } 0 .. $#arrays)
             . ", array_agg('$conversation'::uuid) AS c,
               array_agg(gen_random_uuid()) AS e,
               array_agg('l-' || n) AS m, array_agg(false) AS i,
               array_agg('message ' || n) AS t, array_agg(NULL::text) AS d,
               array_agg(-1::bigint) AS x
               FROM generate_series($from, $to) n) s,
             chat.append_1(a0, a1, a2, a3, a4, c, e, m, i, t, d, x, true) a");
    }
}


1;
