// Reloads under load, and connections that come and go: what nginx holds
// before and after.  Readers of every transport resume and get each message.
// Prints a line of JSON for each finding; t/flow-soak.t judges them.

import fs from 'node:fs';

import {Frames, call, env, metric, open, send, sleep, start, stop, text,
    until, upgrade} from './client.mjs';

const {readers: count, reloads, connects, idle, warm} = env.soak;
const protocol = 'h1';
const transports = ['poll', 'sse', 'ws'];
const patience = 300000;

function say(what, values) {
    console.log(JSON.stringify({what, ...values}));
}


// Processes: the master and its workers.

function children() {
    return fs.readFileSync(`/proc/${env.pid}/task/${env.pid}/children`,
        'utf8').split(' ').filter(Boolean).map(Number);
}

function status(pid) {
    const field = (name) => {
        const found = fs.readFileSync(`/proc/${pid}/status`, 'utf8')
            .match(new RegExp(`^${name}:\\s+(\\d+)`, 'm'));

        return found ? Number(found[1]) : 0;
    };

    return {
        memory: field('RssAnon'), shared: field('RssShmem'),
        fds: fs.readdirSync(`/proc/${pid}/fd`).length,
    };
}

function measure() {
    const sum = {memory: 0, fds: 0};
    const workers = children();

    for (const one of workers.map(status)) {
        sum.memory += one.memory;
        sum.fds += one.fds;
    }

    const master = status(env.pid);

    return {workers: workers.length, memory: sum.memory, fds: sum.fds,
            master: master.memory, master_fds: master.fds,
            shared: master.shared};
}

// The least of some looks: polls come and go, pages of memory are given back,
// and connections that were just closed linger; the longest of these is waited
// for where it is known what there was before.

async function least(before = null) {
    const end = Date.now() + 30000;
    let best = measure();

    for (let i = 0; i < 20 || (before !== null && best.fds > before.fds
                               && Date.now() < end); i++)
    {
        await sleep(100);

        const now = measure();

        for (const name of Object.keys(best)) {
            best[name] = Math.min(best[name], now[name]);
        }
    }

    return best;
}


// A reload, over when only new workers are left.

async function reload() {
    const old = children();

    process.kill(env.pid, 'SIGHUP');

    const began = Date.now();

    await until(() => {
        const now = children();

        return now.length === old.length
            && now.every((pid) => !old.includes(pid));
    }, 'the old workers go', patience);

    return Date.now() - began;
}


// Conversations, readers of them, and messages until it is over.

const talks = [];

for (let i = 0; i < env.soak.conversations; i++) {
    const answer = await call(protocol, 'alice', 'POST', 'conversations',
        {client_msg_id: `soak-${i}`, text: 'hello'});

    talks.push({id: answer.json.id, last: 1});
}

const readers = [];

for (let i = 0; i < count; i++) {
    const talk = talks[Math.floor(i / transports.length) % talks.length];
    const reader = await open(transports[i % transports.length], protocol,
        'alice', {conversation: talk.id, since: `${env.epoch}.1`,
                  again: true});

    reader.talk = talk;
    readers.push(reader);
}

let speaking = true;

const speaker = (async () => {
    for (let i = 0; speaking; i++) {
        const talk = talks[i % talks.length];

        talk.last = await send('dana', talk.id, 'x'.repeat(200));
        await sleep(env.soak.pause);
    }
})();


// Reloads.

// Polls come and go by themselves.

async function connected() {
    const streams = readers.filter((reader) => reader.transport !== 'poll');

    await until(async () => await metric('chat_connections{transport="sse"')
        + await metric('chat_connections{transport="websocket"')
        >= streams.length, 'the readers are back', patience);
}

for (let i = 0; i < warm; i++) {
    await reload();
}

await connected();

const before = await least();
const times = [];

for (let i = 0; i < reloads; i++) {
    times.push(await reload());
    await connected();
}

await connected();
say('reloads', {n: reloads, before, after: await least(before),
                slowest: Math.max(...times)});

speaking = false;
await speaker;

for (const reader of readers) {
    await reader.has(reader.talk.last - 1, patience);
}

say('readers', {
    n: count, messages: talks.reduce((n, talk) => n + talk.last - 1, 0),
    opened: readers.reduce((n, reader) => n + reader.opened, 0),
    wrong: readers.filter((reader) => reader.resets.length !== 0
        || reader.events.length !== reader.talk.last - 1
        || reader.events.some((event, n) => event.seq !== n + 2)).length,
});

stop();
await until(async () => await metric('chat_connections') === 0,
    'nobody is there', patience);


// Connections that come and go, one way or another.

const headers = {authorization: `Bearer ${env.tokens.alice}`};
const path = `/support/v1/stream?conversation=${talks[0].id}`;
const since = `since=${env.epoch}.${talks[0].last}`;

async function sse() {
    const answer = await start(protocol, 'GET', `${path}&${since}`,
        {...headers, accept: 'text/event-stream'});

    answer.close();
}

async function poll(n) {
    const abort = new AbortController();
    const answer = start(protocol, 'GET',
        `${path}&${since}&wait=${n % 2 ? 20 : 0}`, headers, undefined,
        abort.signal);

    if (n % 2) {
        setTimeout(() => abort.abort(), 5);
    }

    await answer.then((a) => text(a.body)).catch(() => null);
}

async function websocket(n) {
    const answer = await upgrade(protocol, '/support/v1/stream', headers);

    await new Promise((resolve) => {
        new Frames(answer, (json, frames) => {
            if (json.type === 'welcome' && n % 3 !== 0) {
                frames.send({type: 'subscribe', conversation: talks[0].id,
                             since: `${env.epoch}.${talks[0].last}`});

            } else if (json.type === 'welcome') {
                frames.close();

            } else if (json.type === 'subscribed' && n % 3 === 1) {
                frames.write(8, Buffer.from([3, 0xe8]));

            } else if (json.type === 'subscribed') {
                frames.close();
            }
        }, resolve);
    });
}

async function churn(n) {
    let next = 0;

    await Promise.all(Array.from({length: 24}, async () => {
        while (next < n) {
            const i = next++;

            await [websocket, sse, websocket, poll][i % 4](i >> 2);
        }
    }));

    await until(async () => await metric('chat_connections') === 0,
        'they are gone', patience);
}

await churn(Math.ceil(connects / 4));

const quiet = await least();
const began = Date.now();

await churn(connects);
say('connects', {n: connects, before: quiet,
                 after: await least(quiet),
                 seconds: (Date.now() - began) / 1000});


// Idle WebSockets, with a subscription each, in workers that have held nothing
// yet: what malloc keeps would hide them.

for (const secure of [false, true]) {
    await reload();

    const over = secure ? 'h1s' : 'h1';
    const held = [];
    let welcome = 0;

    const hold = async (n) => {
        for (let i = 0; i < n; i++) {
            const answer = await upgrade(over, '/support/v1/stream', headers);

            held.push(new Frames(answer, (json) => {
                welcome += json.type === 'subscribed';
            }, () => {}));
            held.at(-1).send({type: 'subscribe',
                conversation: talks[i % talks.length].id,
                since: `${env.epoch}.${talks[i % talks.length].last}`});
        }

        await until(() => welcome === held.length, 'subscriptions');
    };

    await hold(Math.ceil(idle / 5));

    const few = await least();

    await hold(idle);
    await sleep(1000);

    const many = await least();

    say('idle', {secure, n: idle,
                 bytes: Math.round((many.memory - few.memory) * 1024 / idle)});

    held.forEach((frames) => frames.close());
    await until(async () => await metric('chat_connections') === 0,
        'they are gone', patience);
}

process.exit(0);
