// A load: visitors and agents who send and read by all transports, and write
// a history of it.
//
// load.mjs <options as JSON>.  What to do is told on standard input, what
// comes of it on standard output, in lines of JSON.
//
//   {"do":"go"}                   send
//   {"do":"rate","value":n}       messages a second, of all together
//   {"do":"mark"}                 reports the times since the last mark
//   {"do":"targets","value":[…]}  connect there from now on
//   {"do":"quiesce"}              send nothing more; "quiet" is said when
//                                 all that was sent has its answer
//   {"do":"heads","value":{…}}    the last seq that a visitor and an agent
//                                 may see of each conversation; "level" is
//                                 said when every reader is there
//   {"do":"close"}                disconnect everybody; says "closed"
//   {"do":"open"}                 connect them again
//   {"do":"quit"}
//
// Options: history (a file), targets [{port}], sites [{name, prefix, visitors,
// agents: [{id, token}]}], rate, most (messages), wait (s, of a poll), dead
// (ms without a word of the server), churn (clients whose connections are
// lost, a second).

import {setMaxListeners} from 'node:events';
import readline from 'node:readline';
import {setTimeout} from 'node:timers/promises';

import {History, Times} from './history.mjs';
import {call, disconnect, sleep} from './http.mjs';
import {readers} from './readers.mjs';
import {Sender} from './senders.mjs';

const transports = ['ws', 'sse', 'poll'];
const options = JSON.parse(process.argv[2]);

process.on('unhandledRejection', (error) => {
    say('crash', {error: String(error?.stack ?? error)});
    process.exit(1);
});

function say(what, more) {
    process.stdout.write(`${JSON.stringify({say: what, ...more})}\n`);
}


class Client {
    talks = new Map();
    reader = null;

    constructor(name, site, run, more) {
        Object.assign(this, {name, site, prefix: site.prefix, run, ...more});
        this.at = run.clients.length;
    }

    target() {
        return this.run.targets[this.at % this.run.targets.length];
    }

    failed() {
        this.at++;
    }

    who() {
        this.run.history.write(this.name, 'who', {
            kind: this.kind, id: this.id, site: this.site.name,
            transport: this.transport,
        });
    }

    read() {
        this.reader = new readers[this.transport](this.run, this);
        this.reading = this.reader.start();
    }
}


class Run {
    history = new History(options.history);
    targets = options.targets;
    rate = options.rate ?? 50;
    most = options.most ?? 1e7;
    wait = options.wait ?? 10;
    dead = options.dead ?? 15000;
    sites = options.sites;
    clients = [];
    senders = [];
    sending = false;
    over = false;
    invoked = 0;
    acked = 0;
    abandoned = 0;
    came = 0;
    stops = [];
    times = {};
    codes = {};
    closes = {};
    sent = new Map();

    end = new AbortController();

    constructor() {
        setMaxListeners(0, this.end.signal);
        this.clear();
    }

    clear() {
        for (const name of ['ack', 'delivery', 'refusal', 'stall']) {
            this.times[name] = new Times();
        }

        this.codes = {};
        this.closes = {};
    }

    // A wait that ends early when nothing more is to be sent.

    pause(ms) {
        return setTimeout(ms, null, {signal: this.end.signal})
            .catch(() => {});
    }

    acknowledged(m, began) {
        const now = this.history.now();

        this.acked++;
        this.times.ack.add(now - began);
        this.sent.set(m, now);

        // those that everybody has by now, or nobody will
        if (this.sent.size > 50000) {
            const keys = this.sent.keys();

            for (let i = 0; i < 10000; i++) {
                this.sent.delete(keys.next().value);
            }
        }
    }

    received(client, event, now) {
        this.came++;

        const at = this.sent.get(event.client_msg_id);

        if (event.type === 'message') {
            this.times.delivery.add(at === undefined ? 0
                : Math.max(0, now - at));
        }
    }

    refused(code, ms) {
        this.codes[code] = (this.codes[code] ?? 0) + 1;

        if (code === 'unavailable') {
            this.times.refusal.add(ms);
        }
    }

    closed(code) {
        this.closes[code] = (this.closes[code] ?? 0) + 1;
    }

    stopped(client, why) {
        this.stops.push(`${client.name} ${client.transport}: ${why}`);
    }

    // Sessions and conversations, each visitor's own, and who reads what:
    // every conversation is read by each transport.

    async begin() {
        for (const site of this.sites) {
            site.talks = await Promise.all(Array.from(
                {length: site.visitors}, (_, i) => this.visitor(site, i)));

            const agents = site.agents.flatMap((agent, i) =>
                transports.map((transport) => this.add(
                    new Client(`${site.name}-a${i}${transport}`, site, this, {
                        kind: 'agent', ...agent, transport,
                    }))));

            site.talks.forEach((talk, i) => this.distribute(site, talk, i,
                                                            agents));
        }

        this.clients.forEach((client) => client.who());

        for (const {visitor, m, k, seq} of this.begun) {
            this.history.write(visitor.name, 'invoke',
                               {k: 'new', m, via: 'http'});
            this.history.write(visitor.name, 'ok',
                               {k: 'new', id: k, m, via: 'http', seq});
        }

        this.clients.forEach((client) => client.read());
    }

    begun = [];

    add(client) {
        this.clients.push(client);
        return client;
    }

    distribute(site, talk, i, agents) {
        const own = transports.indexOf(talk.visitor.transport);
        const n = site.agents.length;

        for (const turn of [1, 2]) {
            const agent = agents[(i % n) * 3 + (own + turn) % 3];

            agent.talks.set(talk.k, {epoch: talk.epoch, seq: 0});

            this.senders.push(new Sender(this, agent, talk.k,
                {notes: 0.2, changes: 0.05}));
        }

        this.senders.push(new Sender(this, talk.visitor, talk.k, {}));
    }

    async until(f) {
        for (;;) {
            const value = await f().catch(() => null);

            if (value) {
                return value;
            }

            await sleep(200);
        }
    }

    async visitor(site, i) {
        const visitor = this.add(new Client(`${site.name}-v${i}`, site, this, {
            kind: 'visitor', transport: transports[i % 3],
        }));
        const session = await this.until(async () => {
            const answer = await call(visitor.target(), null, 'POST',
                `${site.prefix}v1/session`, {mode: 'bearer'});

            return answer.status === 200 && answer.json;
        });

        visitor.id = session.visitor.id;
        visitor.token = session.token;

        const m = `${visitor.name}-new`;
        const answer = await this.until(async () => {
            const created = await call(visitor.target(), visitor.token, 'POST',
                `${site.prefix}v1/conversations`,
                {client_msg_id: m, text: m});

            return created.status < 300 && created.json;
        });
        const k = answer.id;
        const epoch = answer.next.slice(0, answer.next.lastIndexOf('.'));

        visitor.talks.set(k, {epoch, seq: answer.seq});
        this.begun.push({visitor, m, k, seq: answer.seq});

        return {k, epoch, visitor};
    }

    live() {
        const waiting = [];
        let all = 0;

        for (const client of this.clients) {
            for (const [k, talk] of client.talks) {
                all++;

                if (!talk.live) {
                    waiting.push(`${client.name} ${k}`);
                }
            }
        }

        return {live: all - waiting.length, readings: all,
                waiting: waiting.slice(0, 5)};
    }

    status() {
        return {
            invoked: this.invoked, acked: this.acked, came: this.came,
            busy: this.senders.filter((sender) => sender.busy).length,
            ...this.live(), stops: this.stops,
        };
    }

    // How long a worker takes to answer what needs nobody else.

    async probe(n) {
        while (!this.over) {
            const began = performance.now();
            const target = this.targets[n % this.targets.length];

            try {
                await call(target, null, 'GET',
                    `${this.sites[0].prefix}v1/live`, undefined,
                    {keep: `probe ${n}`, timeout: 20000});
                this.times.stall.add(performance.now() - began);
            } catch {
                // its worker has gone
            }

            await sleep(100);
        }
    }

    // Somebody who asks for what is not his.

    async intrude() {
        const site = this.sites[0];
        const session = await this.until(async () => {
            const answer = await call(this.targets[0], null, 'POST',
                `${site.prefix}v1/session`, {mode: 'bearer'});

            return answer.status === 200 && answer.json;
        });
        const intruder = new Client('intruder', site, this, {
            kind: 'visitor', id: session.visitor.id, token: session.token,
            transport: 'ws',
        });
        const talks = this.sites.flatMap((one) => one.talks);

        intruder.who();
        intruder.read();
        this.clients.push(intruder);

        while (!this.over) {
            const {k} = talks[Math.floor(Math.random() * talks.length)];
            const path = `${site.prefix}v1/stream?conversation=${k}&wait=0`;

            if (intruder.reader.connected) {
                intruder.reader.say({type: 'subscribe', ref: `x ${k}`,
                                     conversation: k});
            }

            const answer = await call(intruder.target(), intruder.token,
                'GET', path).catch(() => null);

            for (const event of answer?.json?.events ?? []) {
                intruder.reader.event(event);
            }

            await sleep(500);
        }
    }

    // Connections are lost, and made again.

    async churn(rate) {
        while (!this.over) {
            await this.pause(1000 / rate);

            if (this.sending) {
                const {clients} = this;

                clients[Math.floor(Math.random() * clients.length)]
                    .reader.drop();
            } else {
                await sleep(100);
            }
        }
    }

    async quiesce() {
        this.sending = false;
        this.end.abort();

        while (this.senders.some((sender) => sender.busy)) {
            await sleep(50);
        }

        this.history.flush();
        say('quiet', this.status());
    }

    // Until every reader has what he may see.

    async level(heads) {
        for (;;) {
            const behind = this.clients.flatMap((client) =>
                [...client.talks].filter(([k, talk]) =>
                    (talk.seq ?? -1) < heads[k][client.kind])
                    .map(([k, talk]) => `${client.name} ${client.transport} `
                        + `${k} ${talk.seq} of ${heads[k][client.kind]}`));

            if (behind.length === 0) {
                break;
            }

            if (this.impatient) {
                say('behind', {readers: behind.slice(0, 20)});
                break;
            }

            await sleep(50);
        }

        this.history.flush();
        say('level');
    }

    async close() {
        this.clients.forEach((client) => client.reader.close());
        await Promise.all(this.clients.map((client) => client.reading));
        disconnect();
        this.history.flush();
        say('closed');
    }
}


const run = new Run();
const acts = {
    go() {
        run.sending = true;
        run.senders.forEach((sender) => sender.start());
    },

    rate({value}) {
        run.rate = value;
    },

    targets({value}) {
        run.targets = value;
    },

    mark() {
        const report = Object.fromEntries(Object.entries(run.times)
            .map(([name, times]) => [name, times.report()]));

        say('marked', {...report, codes: run.codes, closes: run.closes});
        run.clear();
    },

    quiesce() {
        run.quiesce();
    },

    heads({value}) {
        run.level(value);
    },

    impatient() {
        run.impatient = true;
    },

    close() {
        run.close();
    },

    open() {
        run.clients.forEach((client) => client.read());
    },

    quit() {
        run.over = true;
        run.history.flush();
        process.exit(0);
    },
};

await run.begin();

for (const n of [0, 1, 2, 3]) {
    run.probe(n);
}

run.intrude();

if (options.churn) {
    run.churn(options.churn);
}

setInterval(() => say('status', run.status()), 250);
say('ready', {talks: run.begun.map(({k}) => k)});

const input = readline.createInterface({input: process.stdin});

input.on('line', (line) => {
    const command = JSON.parse(line);

    acts[command.do](command);
});

// nobody is there any more to tell anything

input.on('close', () => acts.quit());
