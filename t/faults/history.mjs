// What clients did and saw, as lines of JSON, and how long it took.

import fs from 'node:fs';

// The text of a message follows from its id, so that a history need not hold
// it: "<id>" or, where the id ends with ":<n>", the id and n characters more.

export function textOf(m) {
    const more = /:(\d+)$/.exec(m);

    return more ? `${m} ${'\u05e9x'.repeat(Number(more[1]) / 2)}` : m;
}

export class History {
    began = performance.now();
    lines = [];

    constructor(path) {
        this.file = fs.openSync(path, 'w');
    }

    now() {
        return performance.now() - this.began;
    }

    write(c, e, more) {
        const t = this.now();

        this.lines.push(JSON.stringify({c, t: Math.round(t * 10) / 10, e,
                                        ...more}));

        if (this.lines.length >= 500) {
            this.flush();
        }

        return t;
    }

    flush() {
        if (this.lines.length > 0) {
            fs.writeSync(this.file, `${this.lines.join('\n')}\n`);
            this.lines = [];
        }
    }
}

// The lines of a file, one after the other: it may be larger than memory.

export function* lines(path) {
    const file = fs.openSync(path, 'r');
    const part = Buffer.alloc(1 << 20);
    let rest = Buffer.alloc(0);

    for (;;) {
        const n = fs.readSync(file, part, 0, part.length, null);

        if (n === 0) {
            break;
        }

        rest = Buffer.concat([rest, part.subarray(0, n)]);

        const end = rest.lastIndexOf(10);

        if (end < 0) {
            continue;
        }

        for (const line of rest.toString('utf8', 0, end).split('\n')) {
            yield JSON.parse(line);
        }

        rest = rest.subarray(end + 1);
    }

    fs.closeSync(file);
}


// Times in milliseconds, of which the largest are kept as they are and the
// others in buckets a tenth apart.

export class Times {
    buckets = new Map();
    count = 0;
    max = 0;

    add(ms) {
        const bucket = ms <= 0.1 ? 0 : Math.ceil(Math.log(ms / 0.1)
                                                 / Math.log(1.1));

        this.buckets.set(bucket, (this.buckets.get(bucket) ?? 0) + 1);
        this.count++;
        this.max = Math.max(this.max, ms);
    }

    at(part) {
        let rest = Math.ceil(this.count * part);

        for (const bucket of [...this.buckets.keys()].sort((a, b) => a - b)) {
            rest -= this.buckets.get(bucket);

            if (rest <= 0) {
                return Math.min(0.1 * 1.1 ** bucket, this.max);
            }
        }

        return 0;
    }

    report() {
        const round = (ms) => Math.round(ms * 10) / 10;

        return {count: this.count, p50: round(this.at(0.5)),
                p99: round(this.at(0.99)), max: round(this.max)};
    }
}
