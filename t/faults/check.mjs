// Whether what clients saw agrees with the record: a list of what does not.
//
// A history is the lines that the clients of a run wrote, in the order in
// which they wrote them.  Each has "c", the client, "t", milliseconds of one
// clock, and "e":
//
//   who        kind, id, site, transport   who the client is
//   invoke     k, m, via [, note]          a message is being sent; "new" is
//                                          the k of one that begins a
//                                          conversation
//   ok         k, m, seq [, dup]           acknowledged
//   fail       k, m, code                  refused: this attempt stored
//                                          nothing
//   unknown    k, m                        no answer, or one that says nothing
//   subscribe  k, since                    begins to read, after that seq;
//                                          null: the last events
//   reset      k, why                      what was received is discarded
//   received   k, seq, type, m [, text]    the text, if it is not m
//   leave      k                           reads no more
//
// A record is what PostgreSQL has: "conversations", by id: site, visitor;
// "events": conversation, seq, type, internal, sender, m, text; and "resets",
// the reasons for which a reader may have been made to begin anew.

const most = 20;        // of each kind are told, the others are counted

class Findings {
    list = [];
    counts = {};

    add(kind, about) {
        this.counts[kind] = (this.counts[kind] ?? 0) + 1;

        if (this.counts[kind] <= most) {
            this.list.push({kind, ...about});
        }
    }
}


// The events of each conversation in order, with what is wrong with them by
// themselves.

function logs(record, findings) {
    const all = new Map(Object.keys(record.conversations)
        .map((id) => [id, []]));

    for (const event of record.events) {
        if (!all.has(event.conversation)) {
            findings.add('orphan', {k: event.conversation, seq: event.seq});
            all.set(event.conversation, []);
        }

        all.get(event.conversation).push(event);
    }

    for (const [k, events] of all) {
        events.sort((a, b) => a.seq - b.seq);

        events.forEach((event, i) => {
            if (event.seq !== i + 1) {
                findings.add('not dense', {k, seq: event.seq, at: i + 1});
            }
        });
    }

    return all;
}


// What is known of each message: when it was first sent and first
// acknowledged, as which seq, and whether any attempt may have stored it.

class Sends {
    all = new Map();

    static key(sender, k, m) {
        return `${sender} ${k} ${m}`;
    }

    take(line, who, findings) {
        const key = Sends.key(who.id, line.k, line.m);

        if (line.e === 'invoke') {
            const send = this.all.get(key)
                ?? {who, k: line.k, m: line.m, began: line.t, open: 0,
                    unknown: false, note: Boolean(line.note), seqs: new Set()};

            send.open++;
            this.all.set(key, send);
            return;
        }

        const send = this.all.get(key);

        if (!send) {
            findings.add('bad history', {c: line.c, e: line.e, m: line.m});
            return;
        }

        send.open--;

        if (line.e === 'unknown') {
            send.unknown = true;

        } else if (line.e === 'ok') {
            send.ended ??= line.t;
            send.seqs.add(line.seq);
            send.id = line.id ?? line.k;
            send.via ??= line.via;
        }
    }
}


function checkSends(sends, byMessage, findings, counts) {
    for (const [key, send] of sends.all) {
        const about = {c: send.who.c, k: send.id ?? send.k, m: send.m};
        const rows = byMessage.get(key) ?? [];

        counts.invoked++;

        if (rows.length > 1) {
            findings.add('stored twice',
                {...about, seqs: rows.map((row) => row.seq)});
        }

        if (send.seqs.size > 0) {
            counts.acknowledged++;
            counts.via[send.via] = (counts.via[send.via] ?? 0) + 1;

            if (send.seqs.size > 1) {
                findings.add('two answers', {...about, seqs: [...send.seqs]});
            }

            if (rows.length === 0) {
                findings.add('lost', about);

            } else if (!send.seqs.has(rows[0].seq)) {
                findings.add('other seq', {
                    ...about, seq: [...send.seqs][0], stored: rows[0].seq,
                });
            }

        } else if (send.unknown || send.open > 0) {
            counts.unknown++;

        } else {
            counts.refused++;

            if (rows.length > 0) {
                findings.add('refused and stored', about);
            }
        }

        if (rows.length > 0 && rows[0].internal !== send.note) {
            findings.add('other visibility', about);
        }

        send.seq = rows[0]?.seq;
        send.stored = rows[0]?.conversation;
    }
}


// What was acknowledged before another was sent has the smaller seq.

function checkOrder(sends, findings) {
    const talks = new Map();

    for (const send of sends.all.values()) {
        if (send.seq !== undefined) {
            const list = talks.get(send.stored) ?? [];
            list.push(send);
            talks.set(send.stored, list);
        }
    }

    for (const [k, list] of talks) {
        let earliest = null;

        list.sort((a, b) => b.seq - a.seq);

        for (const send of list) {
            if (earliest && earliest.ended < send.began) {
                findings.add('stored out of order',
                    {k, m: send.m, seq: send.seq, after: earliest.m});
            }

            if (send.ended !== undefined
                && (!earliest || send.ended < earliest.ended))
            {
                earliest = send;
            }
        }
    }
}


function maySee(who, talk, event) {
    return who.site === talk.site
        && (who.kind === 'agent'
            || (who.id === talk.visitor && !event.internal));
}


// One client's reading of one conversation.

class Reading {
    last = null;            // up to which everything has come; null: unknown
    farthest = 0;
    seen = new Set();
    left = false;

    constructor(who, k, talk, events, findings) {
        Object.assign(this, {who, k, talk, events, findings});
        this.own = (event) => talk && maySee(who, talk, event);
    }

    find(kind, about) {
        this.findings.add(kind, {c: this.who.c, k: this.k, ...about});
    }

    // The first event between two numbers that the reader should have.

    missing(after, before) {
        for (let seq = after + 1; seq < before; seq++) {
            const event = this.events[seq - 1];

            if (event && this.own(event)) {
                return seq;
            }
        }

        return null;
    }

    subscribe(since) {
        this.left = false;
        this.seen.clear();
        this.last = since;

        if (since !== null && this.farthest > 0) {
            const skipped = this.missing(this.farthest, since + 1);

            if (skipped !== null) {
                this.find('gap', {seq: skipped, since});
            }
        }
    }

    reset() {
        this.last = null;
        this.seen.clear();
    }

    received(line) {
        const event = this.events[line.seq - 1];

        if (!this.talk || (event && !this.own(event))) {
            const kind = this.talk && this.talk.site !== this.who.site
                ? 'another site'
                : event?.internal && this.talk?.visitor === this.who.id
                    ? 'a note' : 'another conversation';

            this.find(`received ${kind}`, {seq: line.seq});
            return;
        }

        if (!event) {
            this.find('not in the record', {seq: line.seq, m: line.m});
            return;
        }

        if (event.type !== line.type || (event.m ?? null) !== (line.m ?? null)
            || (event.text ?? null) !== (line.text ?? line.m ?? null))
        {
            this.find('differs', {seq: line.seq, m: line.m});
        }

        if (this.seen.has(line.seq)) {
            this.find('duplicate', {seq: line.seq});
            return;
        }

        this.seen.add(line.seq);

        if (this.last !== null) {
            if (line.seq <= this.last) {
                this.find('reordered', {seq: line.seq, after: this.last});
                return;
            }

            const skipped = this.missing(this.last, line.seq);

            if (skipped !== null) {
                this.find('gap', {seq: skipped, before: line.seq});
            }
        }

        this.last = line.seq;
        this.farthest = Math.max(this.farthest, line.seq);
    }

    end() {
        if (this.left || !this.talk) {
            return;
        }

        const rest = this.missing(this.last ?? 0, this.events.length + 1);

        if (rest !== null) {
            this.find('behind', {seq: rest});
        }
    }
}


// check(history, record): {violations, kinds, counts}.

export function check(history, record) {
    const findings = new Findings();
    const events = logs(record, findings);
    const clients = new Map();
    const sends = new Sends();
    const readings = new Map();
    const resets = new Set(record.resets ?? []);
    const counts = {
        invoked: 0, acknowledged: 0, refused: 0, unknown: 0, via: {},
        received: {}, reconnects: 0, resets: 0, events: record.events.length,
    };

    for (const line of history) {
        const who = clients.get(line.c);

        if (line.e === 'who') {
            clients.set(line.c, line);
            continue;
        }

        if (!who) {
            findings.add('bad history', {c: line.c, e: line.e});
            continue;
        }

        switch (line.e) {
        case 'invoke':
        case 'ok':
        case 'fail':
        case 'unknown':
            sends.take(line, who, findings);
            continue;

        case 'subscribe':
        case 'reset':
        case 'received':
        case 'leave':
            break;

        default:
            findings.add('bad history', {c: line.c, e: line.e});
            continue;
        }

        const name = `${line.c} ${line.k}`;
        const reading = readings.get(name)
            ?? new Reading(who, line.k, record.conversations[line.k],
                           events.get(line.k) ?? [], findings);

        if (line.e === 'subscribe') {
            counts.reconnects += readings.has(name) ? 1 : 0;
            reading.subscribe(line.since);

        } else if (line.e === 'reset') {
            counts.resets++;
            reading.reset();

            if (!resets.has(line.why)) {
                reading.find('reset', {why: line.why});
            }

        } else if (line.e === 'leave') {
            reading.left = true;

        } else {
            counts.received[who.transport]
                = (counts.received[who.transport] ?? 0) + 1;
            reading.received(line);
        }

        readings.set(name, reading);
    }

    checkSends(sends, messages(record, events, sends, findings), findings,
               counts);
    checkOrder(sends, findings);
    readings.forEach((reading) => reading.end());

    return {violations: findings.list, kinds: findings.counts, counts};
}


// The stored messages by who sent what; nobody else's may be there.

function messages(record, events, sends, findings) {
    const all = new Map();

    for (const list of events.values()) {
        for (const event of list) {
            if (event.type !== 'message') {
                continue;
            }

            const keys = [event.conversation, 'new']
                .map((k) => Sends.key(event.sender, k, event.m));
            const key = keys.find((name) => sends.all.has(name));

            if (!key || (key === keys[1] && event.seq !== 1)) {
                findings.add('never sent', {
                    k: event.conversation, seq: event.seq, m: event.m,
                });
                continue;
            }

            all.set(key, [...(all.get(key) ?? []), event]);
        }
    }

    return all;
}
