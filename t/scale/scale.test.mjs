import assert from 'node:assert/strict';
import fs from 'node:fs';
import {test} from 'node:test';

import {between, costs, leastSquares, listening} from './costs.mjs';
import {Clock, Machine, Process, quantile, random} from './events.mjs';
import {large, sum} from './large.mjs';
import {Service} from './service.mjs';
import {calibrate, compare, simulate} from './small.mjs';

const read = (name) => JSON.parse(fs.readFileSync(
    new URL(name, import.meta.url), 'utf8'));
const near = (is, was, within) => assert.ok(
    Math.abs(is - was) <= Math.abs(was) * within, `${is} is not ${was}`);

const cost = {
    nginx: {messages: 20, batches: 10, received: 5, delivered: 5},
    postgres: {messages: 30, batches: 100},
    redis: {messages: 2, batches: 2, received: 2},
    connection: {nginx: 100, postgres: 200, redis: 10},
    session: {nginx: 100, postgres: 200, redis: 0},
    conversation: {nginx: 100, postgres: 300, redis: 10},
    held: {nginx: 0.5, postgres: 0, redis: 0},
    sweep: [[0, 20], [1000, 1000]],
    inbox: [[0, 100], [100, 2000], [1000, 2500]],
    stored: 700,
};


test('events come in the order of their time', () => {
    const clock = new Clock();
    const number = random(5);
    const times = [];

    for (let i = 0; i < 1000; i++) {
        clock.after(Math.floor(number() * 100), () => times.push(clock.now));
    }

    clock.run(50);
    assert.equal(clock.now, 50);
    assert.ok(times.length > 400 && times.length < 600);
    clock.run(1000);
    assert.equal(times.length, 1000);
    assert.deepEqual(times, [...times].sort((a, b) => a - b));
});

test('a queue waits as long as theory says: M/D/1', () => {
    for (const load of [0.5, 0.8]) {
        const clock = new Clock();
        const process = new Process(new Machine(clock, 1));
        const number = random(7);
        const waits = [];
        const cost = 100;
        let left = 200000;

        const again = () => {
            const began = clock.now;

            process.do(cost, () => waits.push(clock.now - began - cost));

            if (--left > 0) {
                clock.after(-Math.log(1 - number()) * cost / load, again);
            }
        };

        again();
        clock.run(1e12);

        const mean = waits.reduce((a, b) => a + b, 0) / waits.length;

        near(mean, cost * load / 2 / (1 - load), 0.05);
        near(process.used, 200000 * cost, 1e-9);
    }
});

test('a machine works on as many processes as it has cores', () => {
    for (const [cores, slow, end] of [[1, 1, 400], [2, 1, 200], [2, 3, 600],
                                      [8, 1, 100]])
    {
        const clock = new Clock();
        const machine = new Machine(clock, cores, slow);
        let last;

        for (let i = 0; i < 4; i++) {
            new Process(machine).do(100, () => {
                last = clock.now;
            });
        }

        clock.run(10000);
        assert.equal(last, end);
        assert.equal(machine.used, 400);
    }
});

test('costs are found again', () => {
    const a = [[1, 2, 0], [3, 1, 1], [0, 5, 2], [4, 4, 1], [1, 0, 7]];
    const x = [3, 0, 8];
    const b = a.map((row) => row.reduce((s, v, i) => s + v * x[i], 0));

    leastSquares(a, b).forEach((value, i) =>
        assert.ok(Math.abs(value - x[i]) < 1e-6));
    assert.equal(listening(2, 2), 1.5);
    assert.equal(listening(32, 0), 0);
    assert.equal(between([[0, 1], [10, 11], [20, 12]], 5), 6);
    assert.equal(between([[0, 1], [10, 11], [20, 12]], 40), 14);
});

test('a median', () => {
    assert.equal(quantile([5, 1, 3], 0.5), 3);
    assert.equal(quantile([], 0.5), 0);
});

test('in a closed loop the rate is what is in flight over the time', () => {
    const point = {workers: 2, conversations: 100, readers: 2, pubs: 16};
    const set = {slow: 1, commit: 1000, cores: 2, seconds: 2};
    const report = simulate(cost, point, set);

    near(report.perSecond * report.ackMs.p50 / 1000, 16, 0.2);
    assert.deepEqual(simulate(cost, point, set), report);

    // each is stored and delivered to both
    const each = report.messages / report.batches;

    near(report.cores.nginx * 1e6 / report.perSecond,
         20 + 10 / each + listening(2, 2 * each) / each * 5 + 2 * 5, 0.02);
    assert.ok(report.messages / report.batches > 2);
});

test('clients of a lost host come back once, and somewhere else', () => {
    const service = new Service(cost, {hosts: 2, cores: 2, workers: 2,
                                       postgres: 2, hop: 100, commit: 500});
    let back = 0;

    service.hosts[0].up = false;

    for (let i = 0; i < 1000; i++) {
        service.connect(() => {
            back++;
        }, true);
    }

    service.clock.run(60e6);
    assert.equal(back, 1000);
    assert.deepEqual(service.workers.map((worker) => worker.connections > 0),
                     [false, false, true, true]);
});

test('what was measured comes out, and would not with other costs', () => {
    const measured = read('measured.json');
    const known = costs(measured);
    const calibration = calibrate(known, measured);
    const wrong = (rows) => rows.filter((row) => !row.holds)
        .map((row) => `${row.point}: ${row.what}: ${row.was}, ${row.is}`);

    assert.deepEqual(wrong(compare(known, measured, calibration)), []);

    for (const part of ['nginx', 'postgres']) {
        const other = structuredClone(known);

        for (const what of Object.keys(other[part])) {
            other[part][what] *= 2;
        }

        assert.notDeepEqual(wrong(compare(other, measured, calibration)), []);
    }
});

test('by hand and simulated agree, and would not', () => {
    const scenario = {...read('scenario.json'), visitors: 50000, sites: 50,
                      seconds: 5, back: 2, hosts: 2, postgres: 2};
    const byHand = sum(cost, scenario);

    assert.ok(large(cost, scenario, byHand).agree);
    assert.ok(!large({...cost, inbox: [[0, 1000], [10, 9000]]}, scenario,
                     byHand).agree);
});
