// The service as processes: workers of nginx on hosts, PostgreSQL with a
// backend for each lane of each worker, Redis; and those who use it.

import {Clock, Machine, Process, quantile, random} from './events.mjs';
import {between} from './costs.mjs';

const batchMost = 128;
const sweepEach = 2e6;
const inboxEach = 5e5;
const second = 1e6;


class Worker {
    queue = [];
    inFlight = false;
    connections = 0;

    constructor(service, host) {
        this.service = service;
        this.host = host;
        this.process = new Process(host.machine);
        this.fast = new Process(service.postgres);
        this.slow = new Process(service.postgres);
    }

    post(message) {
        const {costs} = this.service;

        this.process.do(costs.nginx.messages, () => {
            this.queue.push(message);
            this.flush();
        });
    }

    // Everything that arrived meanwhile is the next batch.

    flush() {
        const {service} = this;
        const {costs, clock, setup} = service;

        if (this.inFlight || this.queue.length === 0) {
            return;
        }

        const batch = this.queue.splice(0, batchMost);
        const cost = costs.postgres.batches
                     + costs.postgres.messages * batch.length;

        this.inFlight = true;
        service.batches++;

        this.process.do(costs.nginx.batches, () => {
            clock.after(setup.hop, () => this.fast.do(cost, () => {
                clock.after(setup.commit + setup.hop, () => {
                    this.inFlight = false;
                    this.stored(batch);
                    this.flush();
                });
            }));
        });
    }

    stored(batch) {
        const {service} = this;

        for (const message of batch) {
            message.acked?.();
            service.acks.push(service.clock.now - message.began);
        }

        service.publish(this, batch);
    }

    // Messages for readers of this worker, which were heard of at once, or not
    // from elsewhere.

    deliver(list, heard) {
        const {service} = this;
        const {costs} = service;
        const readers = list.reduce((n, one) => n + one.readers, 0);

        this.process.do(heard * costs.nginx.received
                        + readers * costs.nginx.delivered, () => {
            service.delivered += readers;

            for (const {began, readers: some} of list) {
                if (some > 0) {
                    service.deliveries.push(service.clock.now - began);
                }
            }
        });
    }
}


// Setup: hosts, cores and workers (of each), postgres (cores), together (all
// on the first host's cores), slow, hop and commit (us).

export class Service {
    clock = new Clock();
    batches = 0;
    stored = 0;
    delivered = 0;
    acks = [];
    deliveries = [];
    changed = new Set();
    changes = [];
    lost = [];

    constructor(costs, setup, seed = 1) {
        this.costs = costs;
        this.setup = {hop: 0, slow: 1, ...setup};
        this.random = random(seed);
        this.hosts = Array.from({length: setup.hosts}, () => ({
            machine: new Machine(this.clock, setup.cores, setup.slow),
            up: true,
        }));

        const apart = (cores) => setup.together ? this.hosts[0].machine
            : new Machine(this.clock, cores, setup.slow);

        this.postgres = apart(setup.postgres);
        this.redis = new Process(apart(1));
        this.workers = this.hosts.flatMap((host) => Array.from(
            {length: setup.workers}, () => new Worker(this, host)));
    }

    any(list) {
        return list[Math.floor(this.random() * list.length)];
    }

    worker() {
        for (;;) {
            const worker = this.any(this.workers);

            if (worker.host.up) {
                return worker;
            }
        }
    }

    every(time, act) {
        const again = () => {
            act();
            this.clock.after(time, again);
        };

        this.clock.after(time * this.random(), again);
    }

    // At random, so many a second.

    poisson(rate, act) {
        const again = () => {
            act();
            this.clock.after(-Math.log(1 - this.random()) * second / rate,
                             again);
        };

        if (rate > 0) {
            this.clock.after(-Math.log(1 - this.random()) * second / rate,
                             again);
        }
    }

    send(talk, acked) {
        const message = {talk, acked, began: this.clock.now};
        // a request comes to any worker of the sender's host
        const from = this.worker();

        from.post(message);
    }

    // To the readers of this worker at once, to the others through Redis, which
    // also hears of each batch for the lists of agents.

    publish(worker, batch) {
        const {costs, clock, setup} = this;
        const mine = [];
        const others = new Map();

        for (const {talk, began} of batch) {
            const readers = new Map();

            this.stored++;
            this.changed.add(talk);
            talk.site?.changed(talk);

            for (const reader of talk.readers) {
                readers.set(reader, (readers.get(reader) ?? 0) + 1);
            }

            for (const [one, n] of readers) {
                const list = others.get(one) ?? [];

                // its own come back to a worker, which drops them
                list.push({began, readers: one === worker ? 0 : n});
                others.set(one, list);

                if (one === worker) {
                    mine.push({began, readers: n});
                }
            }
        }

        if (mine.length > 0) {
            worker.deliver(mine, 0);
        }

        clock.after(setup.hop, () => this.redis.do(
            costs.redis.messages * batch.length + costs.redis.batches
            + costs.redis.received * others.size, () => {
                clock.after(setup.hop, () => {
                    for (const [one, list] of others) {
                        if (one.host.up) {
                            one.deliver(list, 1);
                        }
                    }
                });
            }));
    }

    // Somebody who comes: a session, a stream that is subscribed to.

    connect(done, again = false) {
        const {costs, clock, setup} = this;
        const worker = this.worker();
        const sum = (part) => costs.connection[part]
                              + (again ? 0 : costs.session[part]);
        const began = clock.now;

        worker.connections++;

        worker.process.do(sum('nginx'), () => clock.after(setup.hop, () =>
            worker.slow.do(sum('postgres'), () => clock.after(setup.hop, () => {
                this.redis.do(sum('redis'));
                done?.(clock.now - began);
            }))));

        return worker;
    }

    begin() {
        const worker = this.worker();
        const {nginx, postgres, redis} = this.costs.conversation;

        worker.process.do(nginx, () => worker.slow.do(postgres,
            () => this.redis.do(redis)));
    }

    // What happens again and again: heartbeats of those who are there, and
    // each worker's sweep.

    routine() {
        const part = 0.1;

        for (const worker of this.workers) {
            this.every(part * second, () => {
                const n = worker.connections * part;

                if (worker.host.up && n > 0) {
                    worker.process.do(n * this.costs.held.nginx);
                    worker.slow.do(n * this.costs.held.postgres);
                    this.redis.do(n * this.costs.held.redis);
                }
            });

            this.every(sweepEach, () => {
                if (worker.host.up) {
                    worker.slow.do(between(this.costs.sweep,
                                           this.changes.length));
                }
            });
        }

        this.every(sweepEach, () => {
            this.changes = [...this.changed];
            this.changed.clear();
        });
    }

    report(seconds) {
        const use = (process) => process.used / second / seconds;
        const sum = (list) => list.reduce((a, b) => a + b, 0);
        const nginx = sum(this.workers.map((worker) => use(worker.process)));

        return {
            messages: this.stored, batches: this.batches,
            perSecond: this.stored / seconds,
            cores: {
                nginx, redis: use(this.redis),
                postgres: sum(this.workers.map(
                    (worker) => use(worker.fast) + use(worker.slow))),
            },
            busiest: Math.max(...this.workers.map(
                (worker) => use(worker.process))),
            ackMs: {p50: quantile(this.acks, 0.5) / 1000,
                    p99: quantile(this.acks, 0.99) / 1000},
            deliverMs: {p50: quantile(this.deliveries, 0.5) / 1000,
                        p99: quantile(this.deliveries, 0.99) / 1000},
        };
    }
}


// The agents of a site: each one's list is read when something has changed,
// twice a second at most.

export class Site {
    agents = [];

    constructor(service, agents) {
        this.service = service;

        for (let i = 0; i < agents; i++) {
            const worker = service.worker();

            worker.connections++;
            this.agents.push({worker, waits: false, last: -inboxEach,
                              news: new Set()});
        }
    }

    changed(talk) {
        for (const agent of this.agents) {
            agent.news.add(talk);

            if (!agent.waits) {
                this.#read(agent);
            }
        }
    }

    #read(agent) {
        const {clock, costs, setup} = this.service;
        const {worker} = agent;
        const early = agent.last + inboxEach - clock.now;

        agent.waits = true;

        clock.after(Math.max(0, early), () => {
            const n = agent.news.size;

            agent.news.clear();
            agent.last = clock.now;

            clock.after(setup.hop, () =>
                worker.slow.do(between(costs.inbox, n), () => {
                    worker.process.do(costs.nginx.delivered);
                    agent.waits = false;

                    if (agent.news.size > 0) {
                        this.#read(agent);
                    }
                }));
        });
    }
}
