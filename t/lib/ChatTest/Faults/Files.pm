package ChatTest::Faults::Files;

# The disk of attachments fills up: uploads are refused and leave nothing,
# whoever writes only text notices nothing, and what was taken is whole.

use strict;
use warnings;

use File::Find qw(find);
use File::Path qw(make_path);
use Test::More;
use ChatTest ();

my $size = 200 * 1024;
my $files = 8;


sub faults {
    return (
        {id => 'F20', name => 'the disk of attachments is full', times => 1,
         long => 5, fresh => 1, strike => \&fill,
         world => {prepare => \&mount}},
    );
}


# A megabyte, which takes root.

sub mount {
    my ($world) = @_;

    my $dir = "$world->{root}/files";

    make_path($dir);
    system('mount', '-t', 'tmpfs', '-o', 'size=1m,mode=755', 'tmpfs', $dir)
        == 0 or die "a disk of its own cannot be mounted\n";
    $world->{mounted} = $dir;
    $world->{http} .= "chat_upload_path $dir; chat_max_upload 1m;";
}


sub fill {
    my ($world, $load, $n) = @_;

    my $nginx = $world->nginx;
    my $v1 = '/support/v1';
    my $token = $nginx->client->post("$v1/session", {mode => 'bearer'})
                      ->json->{token};
    my $client = $nginx->client(token => $token);
    my $before = count($world);
    my $put = sub {
        my ($i) = @_;

        return $client->start('PUT', "$v1/attachments/$i.gif",
                              body => body($n, $i));
    };
    my %got;

    # by two at a time, so that they fill it together

    for my $pair (0 .. $files / 2 - 1) {
        my @two = map { [$_, $put->($_)] } 2 * $pair, 2 * $pair + 1;

        $got{$_->[0]} = $_->[1]->wait(60) for @two;
    }

    my @taken = grep { $got{$_}->status == 201 } sort keys %got;
    my @refused = grep { $got{$_}->status != 201 } sort keys %got;

    cmp_ok(scalar @taken, '>', 0, 'some are taken');
    cmp_ok(scalar @refused, '>', 0, 'some are not');
    is_deeply([map { $got{$_}->status . ' ' . $got{$_}->json->{code} }
               @refused], [('507 no_space') x @refused], 'for want of room');

    $load->flows(100);

    is(count($world) - $before, scalar @taken, 'nothing is left of them');

    my $sent = $client->post("$v1/conversations", {
        client_msg_id => "files-$n", text => 'see',
        attachments => [map { $got{$_}->json->{id} } @taken]});

    is($sent->status, 201, 'a message carries those that were taken');

    for my $i (@taken) {
        my $file = $client->get("$v1/attachments/" . $got{$i}->json->{id});

        ok($file->status == 200 && $file->{body} eq body($n, $i),
           "file $i is whole");
    }

    system('mount', '-o', 'remount,size=' . (1 + $n) * 4 . 'm',
           $world->{mounted});
    is($put->($files)->wait(60)->status, 201, 'there is room again');
    system('mount', '-o', 'remount,size=' . used($world), $world->{mounted});
}


sub body {
    my ($n, $i) = @_;

    return 'GIF89a' . pack('vv', 10, 10) . chr(65 + $i) x ($size + $n);
}


sub count {
    my ($world) = @_;

    my $found = 0;

    find({no_chdir => 1, wanted => sub {
        $found++ if -f && !m{/\.store-id\z};
    }}, $world->{mounted});

    return $found;
}


# With a megabyte for the next time.

sub used {
    my ($world) = @_;

    my ($used) = `df -k --output=used $world->{mounted}` =~ /(\d+)/;

    return ($used + 1024) . 'k';
}


1;
