// A million connected visitors: by hand, and simulated.

import {between, listening} from './costs.mjs';
import {Service, Site} from './service.mjs';

const second = 1e6;
const parts = ['nginx', 'postgres', 'redis'];


// So many of each a second, with what each costs: cores.

export function sum(costs, scenario) {
    const {visitors, talking, pause, visit, sites, talksPerAgent, hosts,
           workers, bytes} = scenario;
    const talks = visitors * talking;
    const rate = talks / pause;
    const agents = Math.ceil(talks / talksPerAgent);
    const all = hosts * workers;
    const comes = visitors / visit;
    const begins = talks / visit;

    // messages that a worker stores while its last batch is under way
    const each = rate / all;
    const trip = (scenario.commit + 2 * scenario.hop + costs.postgres.batches)
                 / second;
    const batch = Math.max(1, each * trip);
    const batches = rate / batch;
    const received = batches * listening(all, 2 * batch);

    // an agent's list is read twice a second, or as often as his site changes
    const siteRate = rate / sites;
    const reads = 1 / (0.5 + 1 / siteRate);
    const found = siteRate / reads;
    const perSweep = Math.min(talks, 2 * rate);

    const cpu = {
        nginx: rate * costs.nginx.messages + batches * costs.nginx.batches
            + received * costs.nginx.received
            + (2 * rate + agents * reads) * costs.nginx.delivered,
        postgres: rate * costs.postgres.messages
            + batches * costs.postgres.batches,
        redis: rate * costs.redis.messages + batches * costs.redis.batches
            + received * costs.redis.received,
    };
    const lists = agents * reads * between(costs.inbox, found);
    const sweeps = all / 2 * between(costs.sweep, perSweep);

    cpu.postgres += lists + sweeps;

    for (const part of parts) {
        cpu[part] += comes * (costs.session[part] + costs.connection[part])
            + begins * costs.conversation[part]
            + (visitors + agents) * costs.held[part];
        cpu[part] /= second;
    }

    const gib = (n) => (visitors + agents) * n / 2 ** 30;

    return {
        talks, rate, agents, comes, begins, cpu, reads, found, batch,
        lines: {
            'conversations in which somebody writes': talks,
            'messages a second': rate,
            'agents': agents,
            'visitors who come, a second': comes,
            'connections of each worker': (visitors + agents) / all,
            'cores of nginx': cpu.nginx,
            'cores of PostgreSQL': cpu.postgres,
            'of these for lists of agents': lists / second,
            'of these for sweeps': sweeps / second,
            'cores of Redis (it has one)': cpu.redis,
            'memory of nginx, GiB': gib(bytes.nginx),
            'the same with TLS, GiB': gib(bytes.nginxTls),
            'memory of the kernel, GiB': gib(bytes.kernel),
            'stored a day, GB': rate * 86400 * costs.stored / 1e9,
        },
    };
}


export function large(costs, scenario, byHand) {
    const {hosts, cores, workers, postgres, hop, commit, seconds, visitors,
           sites} = scenario;
    const service = new Service(costs, {hosts, cores, workers, postgres, hop,
                                        commit});
    const {talks, rate, agents, comes, begins, cpu} = byHand;
    const perSite = Math.max(1, Math.round(agents / sites));
    const list = Array.from({length: sites},
                            () => new Site(service, perSite));
    const all = Array.from({length: talks}, (_, i) => {
        const site = list[i % sites];

        return {site, readers: [service.worker(),
                                service.any(site.agents).worker]};
    });

    for (let i = 0; i < visitors; i++) {
        service.worker().connections++;
    }

    service.routine();
    service.poisson(rate, () => service.send(service.any(all)));
    service.poisson(comes, () => service.connect().connections--);
    service.poisson(begins, () => service.begin());
    service.clock.run(seconds * second);

    const report = service.report(seconds);
    const back = lose(service, scenario);
    const near = (is, was) => is <= was * 1.25 && is >= was / 1.25;
    const agree = parts.every((part) => near(report.cores[part], cpu[part]));

    return {
        agree, report, back,
        rows: [
            ...parts.map((part) => [`cores of ${part}`, cpu[part],
                                    report.cores[part]]),
            ['messages a batch', byHand.batch,
             report.messages / report.batches],
            ['busiest worker, of a core', cpu.nginx / hosts / workers,
             report.busiest],
            ['acknowledged, p50 ms', '', report.ackMs.p50],
            ['acknowledged, p99 ms', '', report.ackMs.p99],
            ['delivered, p50 ms', '', report.deliverMs.p50],
            ['delivered, p99 ms', '', report.deliverMs.p99],
            ['a host is lost: clients who come back', visitors / hosts,
             back.clients],
            ['all are back after, s', '', back.seconds],
            ['acknowledged meanwhile, p99 ms', '', back.ackMs],
        ],
    };
}


// A host is lost; those who were there come back to the others, each at a time
// of his own within "back" seconds.

function lose(service, scenario) {
    const {clock, hosts, workers} = service;
    const [host] = hosts;
    const lost = workers.filter((worker) => worker.host === host);
    const clients = lost.reduce((n, worker) => n + worker.connections, 0);
    const began = clock.now;
    const state = {away: clients, ended: 0};

    host.up = false;
    lost.forEach((worker) => {
        worker.connections = 0;
    });
    service.acks = [];

    for (let i = 0; i < clients; i++) {
        clock.after(service.random() * scenario.back * second, () => {
            service.connect(() => {
                if (--state.away === 0) {
                    state.ended = clock.now;
                }
            }, true);
        });
    }

    clock.run(began + 3 * scenario.back * second);

    return {
        clients, seconds: state.away > 0 ? Infinity
            : (state.ended - began) / second,
        ackMs: service.report(1).ackMs.p99,
    };
}
