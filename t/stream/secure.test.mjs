// Cookies of a site with TLS: their names and attributes, and what they are
// good for on each transport.

import test from 'node:test';
import assert from 'node:assert/strict';

import {Frames, env, start, stop, text, until, upgrade} from './client.mjs';

test.afterEach(stop);

const origin = `https://localhost:${env.h1s}`;
const host = `localhost:${env.h1s}`;
const json = {'content-type': 'application/json'};

// A session by cookie: {cookie, attributes} of the answer.

async function session(protocol, headers) {
    const answer = await start(protocol, 'POST', '/support/v1/session',
        {...json, ...headers}, '{}');
    const body = JSON.parse(await text(answer.body));

    assert.equal(answer.status, 200);
    assert.equal(body.token, undefined);

    const [cookie, ...attributes]
        = answer.headers['set-cookie'][0].split('; ');

    return {cookie, attributes, alpn: answer.alpn};
}

async function conversation(protocol, headers) {
    const answer = await start(protocol, 'POST', '/support/v1/conversations',
        {...json, ...headers},
        JSON.stringify({client_msg_id: 'one', text: 'hello'}));

    return {status: answer.status, ...JSON.parse(await text(answer.body))};
}


for (const protocol of ['h1s', 'h2s']) {
    const site = protocol === 'h1s' ? {host, origin}
                                    : {':authority': host, origin};

    test(`${protocol}: a __Host- cookie, and what it opens`, async () => {
        const {cookie, attributes, alpn} = await session(protocol, site);

        assert.equal(alpn, protocol === 'h1s' ? 'http/1.1' : 'h2');
        assert.ok(cookie.startsWith(`__Host-chat-visitor-${env.site}=`));
        assert.deepEqual(attributes.map((a) => a.toLowerCase()).sort(),
            ['httponly', 'max-age=2592000', 'path=/', 'samesite=lax',
             'secure']);

        const mine = {...site, cookie};
        const {status, id} = await conversation(protocol, mine);

        assert.equal(status, 201);

        const poll = await start(protocol, 'GET',
            `/support/v1/stream?conversation=${id}&wait=0`, mine);

        assert.equal(poll.status, 200);
        assert.equal(JSON.parse(await text(poll.body)).events.length, 1);

        const sse = await start(protocol, 'GET',
            `/support/v1/stream?conversation=${id}`,
            {...mine, accept: 'text/event-stream'});

        assert.equal(sse.status, 200);
        sse.close();

        // another name, or another site's page, opens nothing

        const bare = cookie.replace('__Host-', '');

        assert.equal((await conversation(protocol, {...site, cookie: bare}))
            .status, 401);

        for (const other of ['https://evil.test', `http://${host}`, 'null']) {
            assert.equal((await conversation(protocol,
                {...mine, origin: other})).status, 403, other);
        }
    });
}


test('a WebSocket with the cookie, from the same origin alone', async () => {
    const {cookie} = await session('h1s', {host, origin});
    const {id} = await conversation('h1s', {host, origin, cookie});
    const messages = [];
    const answer = await upgrade('h1s', '/support/v1/stream',
        {host, origin, cookie});

    assert.equal(answer.status, 101);

    const frames = new Frames(answer, (m) => messages.push(m), () => {});

    frames.send({type: 'subscribe', conversation: id});
    await until(() => messages.some((m) => m.type === 'subscribed'
        && m.events.length === 1), 'the subscription');
    frames.close();

    for (const headers of [{origin: 'https://evil.test'},
                           {origin: `http://${host}`}, {}])
    {
        const refused = await upgrade('h1s', '/support/v1/stream',
            {host, cookie, ...headers});

        assert.equal(refused.status, 403, JSON.stringify(headers));
        await text(refused.body);
    }
});


test('without TLS the cookie has its other name', async () => {
    const plain = {host: `localhost:${env.h1}`,
                   origin: `http://localhost:${env.h1}`};
    const {cookie, attributes} = await session('h1', plain);

    assert.ok(cookie.startsWith(`chat-visitor-${env.site}=`));
    assert.ok(!attributes.includes('Secure'));

    const secure = await session('h1s', {host, origin});

    assert.equal((await conversation('h1',
        {...plain, cookie: secure.cookie})).status, 401);
    assert.equal((await conversation('h1s', {host, origin, cookie})).status,
        401);
    assert.equal((await conversation('h1', {...plain, cookie})).status, 201);
});


test('a ticket of a bearer opens a WebSocket, once', async () => {
    const answer = await start('h1s', 'POST', '/support/v1/ticket',
        {authorization: `Bearer ${env.tokens.alice}`});
    const {ticket} = JSON.parse(await text(answer.body));
    const protocol = {'sec-websocket-protocol': `chat.v1, ticket.${ticket}`};
    const first = await upgrade('h1s', '/support/v1/stream', protocol);

    assert.equal(first.status, 101);
    assert.equal(first.headers['sec-websocket-protocol'], 'chat.v1');
    first.socket.destroy();

    const second = await upgrade('h1s', '/support/v1/stream', protocol);

    assert.equal(second.status, 401);
    await text(second.body);
});
