# Attachments: what is taken and as what, who may see it and carry it, how it
# is served, and that nothing is left of what came to nothing.

use strict;
use warnings;

use File::Find qw(find);
use Test::More;
use ChatTest;
use ChatTest::Nginx;
use ChatTest::WebSocket;

my $uploads = build_dir('attachment-files');
system('rm', '-rf', $uploads);

my $h2 = ChatTest::Nginx::free_port();
my $nginx = ChatTest::Nginx->new(
    workers => 2, http => "chat_upload_path $uploads; chat_max_upload 300k;",
    server => "location /small/ { chat on; chat_upload_quota 1k; }\n"
              . "listen 127.0.0.1:$h2 http2;")->start;

my $v1 = '/support/v1';
my $alice = $nginx->client(visitor => 'alice');
my $bob = $nginx->client(visitor => 'bob');
my $dana = $nginx->client(agent => 'dana');
my $eli = $nginx->client(agent => 'eli');

my $png = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR" . pack('NN', 640, 480) . 'x' x 200;
my $gif = 'GIF89a' . pack('vv', 12, 34) . 'y' x 50;
my $jpeg = "\xff\xd8\xff\xe0" . pack('n', 16) . 'J' x 14 . "\xff\xc0"
           . pack('nCnn', 17, 8, 480, 640) . 'z' x 100;
my $webp = 'RIFF' . pack('V', 100) . 'WEBPVP8X' . pack('V', 10) . "\0" x 4
           . substr(pack('V', 799), 0, 3) . substr(pack('V', 599), 0, 3)
           . 'w' x 50;
my $avif = pack('N', 28) . 'ftypavif' . "\0" x 4 . 'avifmif1miaf' . 'm' x 20
           . pack('N', 20) . 'ispe' . pack('NNN', 0, 90, 60);

sub put {
    my ($client, $name, $body, %opt) = @_;

    return $client->request('PUT', ($opt{prefix} // '/support')
                            . "/v1/attachments/$name", body => $body, %opt);
}

sub id { return put(@_)->json->{id} }

sub send_to {
    my ($client, $conversation, $id, %body) = @_;

    return $client->post("$v1/conversations/$conversation/messages",
                         {client_msg_id => $id, %body});
}

sub files {
    my @found;

    find({no_chdir => 1, wanted => sub {
        push @found, $_ if -f && !m{/\.store-id$};
    }}, $uploads);

    return scalar @found;
}

sub rows {
    return psql('SELECT count(*) FROM chat.attachment WHERE site = '
                . site_id());
}

sub is_json {
    my ($got, $status, $want, $name) = @_;

    is($got->status, $status, "$name: $status");
    is(contains($got->json, $want), undef, $name) or diag($got->{body});
}


# Taking

{
    my $got = put($alice, 'photo.png', $png);

    is_json($got, 201, {name => 'photo.png', type => 'image/png',
                        size => length $png, width => 640, height => 480},
            'a picture');

    my ($hex) = $got->json->{id} =~ /^([0-9a-f-]{36})$/;
    my ($one, $two) = $hex =~ /(..)(..)$/;
    is(-s "$uploads/$two/$one/$hex", length $png, 'its bytes, by its id');
    is((stat "$uploads/$two/$one/$hex")[2] & 0777, 0600, 'for nobody else');
    is(psql("SELECT installation FROM chat.schema"),
       do { open my $in, '<', "$uploads/.store-id"; <$in> // '' },
       'the directory says whose it is');
}

is_json(put($alice, "f.$$_[0]", $$_[1]), 201,
        {type => $$_[2], name => "f.$$_[0]", %{$$_[3] // {}}}, $$_[2])
    for ['gif', $gif, 'image/gif', {width => 12, height => 34}],
        ['JPEG', $jpeg, 'image/jpeg', {width => 640, height => 480}],
        ['webp', $webp, 'image/webp', {width => 800, height => 600}],
        ['avif', $avif, 'image/avif', {width => 90, height => 60}],
        ['pdf', "%PDF-1.7\n...", 'application/pdf'],
        ['mp4', "\0\0\0\x18ftypmp42\0\0\0\0", 'video/mp4'],
        ['m4a', "\0\0\0\x18ftypM4A \0\0\0\0", 'audio/mp4'],
        ['mp3', "ID3\x04\0\0\0\0\0\0", 'audio/mpeg'],
        ['ogg', "OggS\0\x02" . "\0" x 20, 'audio/ogg'],
        ['wav', 'RIFF' . "\0" x 4 . 'WAVEfmt ', 'audio/wav'],
        ['webm', "\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm" . "\0" x 9,
         'video/webm'];

my $carol = $nginx->client(visitor => 'carol');

is_json(put($carol, 'notes.txt', "first\nsecond \xd7\xa9\n" . 'x' x 9000), 201,
        {type => 'text/plain'}, 'a text');
is_json(put($carol, 'table.CSV', "a,b\n1,2\n"), 201, {type => 'text/csv'},
        'a table');
is_json(put($carol, 'chunked.png', [$png, 'more' x 1000, 'end']), 201,
        {size => length($png) + 4003}, 'in chunks');
is_json(put($carol, 'large.png', $png . 'x' x (300 * 1024 - length $png)),
        201, {size => 300 * 1024}, 'as large as may be');


# What it is called

is_json(put($carol, $$_[0], $png), 201, {name => $$_[1]}, "name $$_[0]")
    for ['..%5C..%5Cevil.png', 'evil.png'],
        ['C:%5Cphotos%5Ca.png', 'a.png'],
        ['page.html', 'page.html.png'],
        ['.htaccess', 'htaccess.png'],
        ['a%0d%0aSet-Cookie:x.png', 'aSet-Cookie_x.png'],
        ['photo%E2%80%AEgpj.exe', 'photogpj.exe.png'],
        ['%22quoted%22%20name.png', '_quoted_ name.png'],
        ['%D7%A9%D7%9C%D7%95%D7%9D.png', "\x{5e9}\x{5dc}\x{5d5}\x{5dd}.png"],
        ['x' x 300 . '.png', 'x' x 196 . '.png'];

is_json(put($carol, '%ff%fe.png', $png), 422, {field => 'name'},
        'a name that is not UTF-8');
is_json(put($carol, '%20.%20', $png), 422, {field => 'name'},
        'a name of nothing');

for my $path ('..%2f..%2fevil.png', '../../../evil.png', '%2e%2e/evil.png',
              'a/b.png', '')
{
    isnt(put($carol, $path, $png)->status, 201, "no attachment \"$path\"");
}


# Refusing

my $erin = $nginx->client(visitor => 'erin');
my ($files, $rows) = (files(), rows());

is_json(put($erin, $$_[0], $$_[1]), 415, {code => 'media_type'}, $$_[2])
    for ['a.html', '<!doctype html><script>alert(1)</script>', 'HTML'],
        ['a.svg', '<svg xmlns="http://www.w3.org/2000/svg"/>', 'SVG'],
        ['a.png', '<svg xmlns="http://www.w3.org/2000/svg"/>',
         'SVG that calls itself PNG'],
        ['a.js', 'alert(1)', 'a script'],
        ['a.exe', "MZ\x90\0" . "\0" x 100, 'a program'],
        ['a.txt', "text\0with NUL", 'a text with NUL'],
        ['a.txt', 'x' x 5000 . "\xff", 'a text that is not UTF-8 in the end'],
        ['a.txt', "cut \xd7", 'a text that ends within a character'],
        ['a.zip', "PK\x03\x04" . 'x' x 50, 'an archive'],
        ['a', 'some text', 'a text without extension'];

is_json(put($erin, 'a.png', ''), 422, {code => 'invalid_field'}, 'nothing');
is_json(put($erin, 'a.png', ['']), 422, {code => 'invalid_field'},
        'nothing in chunks');
is_json(put($erin, 'a.png', $png . 'x' x (300 * 1024)), 413,
        {code => 'too_large'}, 'a byte too much');
is_json(put($erin, 'a.png', [$png, ('x' x 50000) x 8]), 413,
        {code => 'too_large'}, 'too much in chunks');
is_json($erin->request('PUT', "$v1/attachments/a.png",
                       headers => ['Content-Length: 5000000000']), 413,
        {code => 'too_large'}, 'far too much, that is not waited for');
is_json(put($erin, 'a.png', $png, prefix => '/small', token => undef), 401,
        {code => 'unauthenticated'}, 'nobody');
is($nginx->client->request('PUT', "$v1/attachments/a.png", body => $png,
        headers => ['Cookie: chat-visitor-' . site() . '='
                    . visitor_token('erin'), 'Origin: http://evil.test'])
   ->status, 403, 'a page of another origin');
is($erin->request('POST', "$v1/attachments/a.png", body => $png)->status,
   405, 'no POST');

my $broken = $erin->start('PUT', "$v1/attachments/a.png",
    headers => ['Content-Length: 100000']);
$broken->write($png . 'x' x 20000);
ok(wait_until(sub { files() == $files + 1 }, 30), 'a file while it comes');
$broken->abort;

ok(wait_until(sub { files() == $files && rows() == $rows }, 30),
   'nothing is left of what was refused or broken off');

is_json(put($erin, 'a.png', $png . 'x' x 900, prefix => '/small'), 413,
        {code => 'quota'}, 'more than a visitor may send in a day')
    if put($erin, 'b.png', $png, prefix => '/small')->status == 201;

{
    my $fay = $nginx->client(visitor => 'fay');
    my @got = map { put($fay, "$_.png", $png)->status } 1 .. 21;

    is("@got", join(' ', (201) x 20, 413), 'twenty wait for a message');
}


# Carrying

my $chat = conversation('alice', 'hello');
my $first = id($alice, 'one.png', $png);
my $second = id($alice, 'two.gif', $gif);

is($alice->get("$v1/attachments/$first")->status, 200, 'its uploader sees it');
is($$_[1]->get("$v1/attachments/$first")->status, 404, "$$_[0] does not yet")
    for ['an agent', $dana], ['another visitor', $bob];

is_json(send_to($bob, conversation('bob', 'hi'), 'm-1', text => 'mine',
                attachments => [$first]), 422,
        {field => 'attachments'}, "somebody else's file");
is_json(send_to($dana, $chat, 'm-1', text => 'mine',
                attachments => [$first]), 422,
        {field => 'attachments'}, "a visitor's file by an agent");
is_json(send_to($bob, $chat, 'm-1', text => 'x', attachments => [$first]),
        404, {code => 'not_found'}, "somebody else's conversation");
is_json(send_to($alice, $chat, 'm-0', attachments => [$first, uuid('none')]),
        422, {field => 'attachments'}, 'one that is not there');
is_json(send_to($alice, $chat, 'm-0', attachments => [$first, $first]), 422,
        {field => 'attachments'}, 'one twice');
is_json(send_to($alice, $chat, 'm-0', attachments => []), 422,
        {field => 'text'}, 'none, and no text');
is_json(send_to($alice, $chat, 'm-0', attachments => [('x') x 2]), 422,
        {field => 'attachments'}, 'what is no id');
is_json(send_to($alice, $chat, 'm-0', attachments => [($first) x 11]), 422,
        {field => 'attachments'}, 'too many');
is_json(send_to($alice, $chat, 'm-0', text => 'x', attachments => $first),
        422,
        {field => 'attachments'}, 'what is no array');

my $poll = $nginx->client(agent => 'dana')->start('GET',
    "$v1/stream?conversation=$chat&wait=25&since="
    . $dana->get("$v1/conversations/$chat/events")->json->{next});

is_json(send_to($alice, $chat, 'm-1', attachments => [$first, $second]), 201,
        {seq => 2, duplicate => JSON::PP::false}, 'two files and no text');
is_json(send_to($alice, $chat, 'm-1', attachments => [$first, $second]), 200,
        {seq => 2, duplicate => JSON::PP::true}, 'once');

my $carried = {type => 'message', seq => 2, text => '', attachments => [
    {id => $first, name => 'one.png', type => 'image/png',
     size => length $png, width => 640, height => 480},
    {id => $second, name => 'two.gif', type => 'image/gif',
     size => length $gif, width => 12, height => 34}]};

is_json($poll->wait, 200, {events => [$carried]}, 'live');
is_json($dana->get("$v1/conversations/$chat/events"), 200,
        {events => [{seq => 1}, $carried]}, 'in the history');
is_json(send_to($alice, $chat, 'm-2', text => 'again',
                attachments => [$first]), 422,
        {field => 'attachments'}, 'a file is carried once');

is($dana->get("$v1/attachments/$first")->status, 200, 'an agent sees it now');
is($bob->get("$v1/attachments/$first")->status, 404, 'a stranger does not');
is($nginx->client->get("$v1/attachments/$first")->status, 401, 'nor nobody');
is($dana->get("$v1/attachments/$_")->status, 404, "no attachment $_")
    for uuid('none'), 'one.png', '..%2f.store-id', '.store-id';

{
    my $note = id($eli, 'note.pdf', '%PDF-1.4');

    is_json(send_to($eli, $chat, 'n-1', visibility => 'internal',
                    attachments => [$note]), 201, {seq => 3}, 'a note');
    is($dana->get("$v1/attachments/$note")->status, 200, 'for agents');
    is($alice->get("$v1/attachments/$note")->status, 404,
       "a note's file is not for the visitor");
    is($alice->get("$v1/conversations/$chat/events")->{body} =~ /note\.pdf/,
       '', 'nor is its name');
}

{
    my $begin = id($bob, 'begin.png', $png);
    my %body = (client_msg_id => 'begin-1', text => 'see',
                attachments => [$begin]);
    my $got = $bob->post("$v1/conversations", \%body);

    is_json($got, 201, {seq => 1}, 'a conversation begins with a file');
    is_json($bob->post("$v1/conversations", \%body), 200,
            {id => $got->json->{id}}, 'once');
    is_json($dana->get("$v1/conversations/" . $got->json->{id} . '/events'),
            200, {events => [{text => 'see',
                              attachments => [{id => $begin}]}]}, 'there');
    is_json($bob->post("$v1/conversations",
                       {%body, client_msg_id => 'begin-2'}), 422,
            {field => 'attachments'}, 'not twice');
    is($bob->post("$v1/conversations", {%body, client_msg_id => 'begin-3',
                                        attachments => [$first]})->status,
       422, "nor with somebody else's file");
}

{
    my @ids = map { id($eli, "p$_.png", $png) } 1 .. 8;
    my @calls = map {
        $nginx->client(agent => 'eli')->start('POST',
            "$v1/conversations/$chat/messages",
            json => {client_msg_id => "p-$_", text => "p$_",
                     $_ % 2 ? (attachments => [$ids[$_ - 1]]) : ()})
    } 1 .. 8;

    is(join(' ', map { $_->wait->status } @calls), join(' ', (201) x 8),
       'messages with files and without among each other');
    is(psql("SELECT count(*), max(seq) FROM chat.event
              WHERE conversation = '$chat'"), '11|11', 'each in its place');
}


{
    my $ws = ChatTest::WebSocket->new(port => $nginx->port,
                                      agent => 'eli');
    my $file = id($eli, 'live.gif', $gif);
    my %send = (type => 'send', conversation => $chat,
                attachments => [$file]);

    $ws->next('welcome');

    my $got = $ws->ask(%send, client_msg_id => 'w-1');
    is($got->{seq}, 12, 'over a WebSocket') or diag(json_encode($got));

    $got = $ws->ask(%send, client_msg_id => 'w-2');
    is($got->{field}, 'attachments', 'where it is carried once, too');
    $ws->close;
}


# Serving

{
    my $got = $dana->get("$v1/attachments/$first");

    is($got->{body}, $png, 'the bytes');
    is($got->header($$_[0]), $$_[1], "$$_[0]: $$_[1]")
        for ['Content-Type', 'image/png'],
            ['Content-Disposition',
             q(inline; filename="one.png"; filename*=UTF-8''one.png)],
            ['X-Content-Type-Options', 'nosniff'],
            ['Content-Security-Policy', "sandbox; default-src 'none'"],
            ['Cross-Origin-Resource-Policy', 'same-origin'],
            ['Cache-Control', 'private, no-cache'],
            ['Accept-Ranges', 'bytes'];

    my $etag = $got->header('ETag');
    my $part = $dana->get("$v1/attachments/$first",
                          headers => ['Range: bytes=1-3']);

    is($part->status . $part->{body}, '206PNG', 'a range');
    is($dana->get("$v1/attachments/$first",
                  headers => ["If-None-Match: $etag"])->status, 304,
       'what is known is not sent again');
    is($dana->request('HEAD', "$v1/attachments/$first")->header(
       'Content-Length'), length $png, 'HEAD');

    my $name = '%D7%A9%D7%9C %25%2522.txt';
    my $text = id($eli, '%D7%A9%D7%9C%20%25%22.txt', 'plain');

    $got = $eli->get("$v1/attachments/$text");
    is($got->header('Content-Disposition'),
       q(attachment; filename="__ __.txt"; )
       . q(filename*=UTF-8''%D7%A9%D7%9C%20%25_.txt), 'a text is saved');
    is($got->header('Content-Type'), 'text/plain; charset=utf-8', 'as text');

    my $pdf = id($eli, 'a.pdf', '%PDF-1.4');
    like($eli->get("$v1/attachments/$pdf")->header('Content-Disposition'),
         qr/^attachment;/, 'PDF is saved');
}

{
    my $cookies = 'Cookie: chat-visitor-' . site() . '='
                  . visitor_token('alice') . '; chat-agent-' . site() . '='
                  . agent_token('dana');
    my $pdf = id($dana, 'mine.pdf', '%PDF-1.4');
    my $both = $nginx->client(headers => [$cookies]);

    is($both->get("$v1/attachments/$pdf$$_[0]")->status, $$_[1],
       "role \"$$_[0]\"") for ['', 404], ['?role=agent', 200];
}

psql("UPDATE chat.conversation SET erased_at = now() WHERE id = '$chat'");
is($dana->get("$v1/attachments/$first")->status, 410, 'erased');


# HTTP/2: whole, in pieces without a length, and broken off

{
    my $node = `node -v 2>&1`;
    my $script = <<'_JS_';
import http2 from 'node:http2';
const [port, token, png] = process.argv.slice(2);
const body = Buffer.from(png, 'hex');
const client = http2.connect(`http://127.0.0.1:${port}`);
const put = (more, write) => new Promise((done, fail) => {
    const s = client.request({':method': 'PUT',
        ':path': '/support/v1/attachments/h2.png',
        authorization: `Bearer ${token}`, ...more});
    let status, text = '';
    s.on('response', (h) => { status = h[':status']; });
    s.on('data', (d) => { text += d; });
    s.on('close', () => done([status, text]));
    s.on('error', () => done(['broken']));
    write(s);
});
const out = [];
out.push(await put({'content-length': body.length}, (s) => s.end(body)));
out.push(await put({}, async (s) => {
    s.write(body);
    for (let i = 0; i < 40; i++) s.write(Buffer.alloc(5000, i + 1));
    s.end();
}));
out.push(await put({}, (s) => {
    s.write(body);
    for (let i = 0; i < 90; i++) s.write(Buffer.alloc(5000, i + 1));
    s.end();
}));
out.push(await put({'content-length': 100000}, (s) => {
    s.write(body, () => s.close(http2.constants.NGHTTP2_CANCEL));
}));
console.log(JSON.stringify(out));
client.close();
_JS_
    my $file = build_dir() . '/attachment-h2.mjs';

    open my $out, '>', $file or die "$file: $!\n";
    print $out $script;
    close $out;

    my $files = files();
    my $text = qx(node $file $h2 @{[visitor_token('gus')]} @{[unpack 'H*',
                                                              $png]});
    my $got = json_decode($text);

    is($$got[0][0], 201, 'HTTP/2: with a length');
    is($$got[1][0], 201, 'HTTP/2: without a length');
    is(json_decode($$got[1][1])->{size}, length($png) + 200000, 'all of it');
    is($$got[2][0], 413, 'HTTP/2: too much');
    ok(wait_until(sub { files() == $files + 2 }, 30),
   'HTTP/2: nothing is left of what was broken off');
}


# Expiring

{
    my $site = site_id();
    my $kept = psql("SELECT count(*) FROM chat.attachment
                      WHERE site = $site AND conversation IS NOT NULL");

    psql("UPDATE chat.attachment SET expires_at = now() - interval '1 s'
           WHERE site = $site AND conversation IS NULL");
    $nginx->reload;
    ok(wait_until(sub { rows() == $kept && files() == $kept }, 60),
   'what no message carries goes, and no more');

    psql("DELETE FROM chat.conversation WHERE id = '$chat'");
    $nginx->reload;
    ok(wait_until(sub { rows() < $kept && rows() == files() }, 60),
   'what belongs to a conversation goes with it');
}


# Another installation's directory, and none

{
    open my $out, '>', "$uploads/.store-id" or die "$uploads: $!\n";
    print $out uuid('another');
    close $out;

    $nginx->reload;
    ok(wait_until(sub {
        put($alice, 'a.png', $png)->status == 503
    }, 30), "another installation's directory is left alone");
    like(join('', @{[slurp($nginx->root . '/logs/error.log')]}),
         qr/belongs to another installation/, 'and that is said');

    my $none = ChatTest::Nginx->new(workers => 1, name => 'none')->start;

    is_json($none->client(visitor => 'alice')->request('PUT',
            "$v1/attachments/a.png", body => $png), 403,
            {code => 'forbidden'}, 'without a directory');
    $none->stop;
}

sub slurp { local (@ARGV, $/) = @_; return scalar <> }

$nginx->stop;
is(join('', grep { !/another installation/ } $nginx->alarms), '',
   'nothing alarming in the log');

done_testing();
