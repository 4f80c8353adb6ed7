// Events in the order of their time, and processes that share the cores of a
// machine.  Time is in microseconds.

export class Clock {
    now = 0;
    #heap = [];
    #count = 0;

    after(delay, act) {
        const heap = this.#heap;
        const event = {time: this.now + delay, n: this.#count++, act};
        let i = heap.push(event) - 1;

        while (i > 0) {
            const up = (i - 1) >> 1;

            if (!earlier(event, heap[up])) {
                break;
            }

            heap[i] = heap[up];
            i = up;
        }

        heap[i] = event;
    }

    #next() {
        const heap = this.#heap;
        const first = heap[0];
        const last = heap.pop();

        if (heap.length > 0) {
            let i = 0;

            for (;;) {
                let down = 2 * i + 1;

                if (down >= heap.length) {
                    break;
                }

                if (down + 1 < heap.length
                    && earlier(heap[down + 1], heap[down]))
                {
                    down++;
                }

                if (!earlier(heap[down], last)) {
                    break;
                }

                heap[i] = heap[down];
                i = down;
            }

            heap[i] = last;
        }

        return first;
    }

    run(until) {
        while (this.#heap.length > 0 && this.#heap[0].time <= until) {
            const event = this.#next();

            this.now = event.time;
            event.act();
        }

        this.now = until;
    }
}

function earlier(a, b) {
    return a.time < b.time || (a.time === b.time && a.n < b.n);
}


// Cores, each of which does one job of one process at a time; processes take
// turns.  What a job needs takes "slow" times as long where others use the
// machine as well.

export class Machine {
    used = 0;
    #waiting = new Fifo();
    #busy = 0;

    constructor(clock, cores, slow = 1) {
        Object.assign(this, {clock, cores, slow});
    }

    wants(process) {
        if (this.#busy < this.cores) {
            this.#busy++;
            this.#work(process);
        } else {
            this.#waiting.push(process);
        }
    }

    #work(process) {
        const job = process.take();

        this.used += job.cost;

        this.clock.after(job.cost * this.slow, () => {
            process.used += job.cost;
            job.done?.();
            process.rest();

            const next = this.#waiting.shift();

            if (next) {
                this.#work(next);
            } else {
                this.#busy--;
            }
        });
    }
}


// One thread, which does its jobs one after the other.

export class Process {
    used = 0;
    most = 0;
    #jobs = new Fifo();
    #busy = false;

    constructor(machine) {
        this.machine = machine;
    }

    do(cost, done) {
        this.#jobs.push({cost, done});
        this.most = Math.max(this.most, this.#jobs.length);

        if (!this.#busy) {
            this.#busy = true;
            this.machine.wants(this);
        }
    }

    take() {
        return this.#jobs.shift();
    }

    rest() {
        if (this.#jobs.length > 0) {
            this.machine.wants(this);
        } else {
            this.#busy = false;
        }
    }
}


class Fifo {
    #items = [];
    #first = 0;

    get length() {
        return this.#items.length - this.#first;
    }

    push(item) {
        this.#items.push(item);
    }

    shift() {
        if (this.length === 0) {
            return undefined;
        }

        const item = this.#items[this.#first];

        this.#items[this.#first++] = undefined;

        if (this.#first > 1000 && this.#first * 2 > this.#items.length) {
            this.#items = this.#items.slice(this.#first);
            this.#first = 0;
        }

        return item;
    }
}


// The same numbers from the same seed: mulberry32.

export function random(seed) {
    let a = seed >>> 0;

    return () => {
        a = (a + 0x6d2b79f5) >>> 0;

        let t = Math.imul(a ^ (a >>> 15), 1 | a);

        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}


export function quantile(values, part) {
    if (values.length === 0) {
        return 0;
    }

    const sorted = Float64Array.from(values).sort();

    return sorted[Math.min(sorted.length - 1,
                           Math.floor(sorted.length * part))];
}
