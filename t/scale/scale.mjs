// scale: whether the simulation agrees with what was measured, and what a
// million connected visitors take.  "make scale" calls it.
//
// scale.mjs [docs/scaling.md]: with a file its tables are written anew, each
// after the comment that has its name.

import fs from 'node:fs';

import {costs} from './costs.mjs';
import {sum, large} from './large.mjs';
import {calibrate, compare} from './small.mjs';

const read = (name) => JSON.parse(fs.readFileSync(
    new URL(name, import.meta.url), 'utf8'));
const measured = read('measured.json');
const scenario = read('scenario.json');
const tables = {};

const short = (n) => typeof n !== 'number' ? String(n)
    : Math.abs(n) >= 100 ? n.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ',')
        : Math.abs(n) >= 10 ? n.toFixed(1) : n.toFixed(2);

function table(name, head, rows) {
    const line = (cells) => `| ${cells.map(short).join(' | ')} |`;

    tables[name] = [line(head), `|${'---|'.repeat(head.length)}`,
                    ...rows.map(line)].join('\n');
    console.log(`${tables[name]}\n`);
}

const cost = costs(measured);
const calibration = calibrate(cost, measured);
const checks = compare(cost, measured, calibration);
const parts = ['nginx', 'postgres', 'redis'];
const whats = {
    messages: 'a message', batches: 'a batch of them',
    received: 'what comes from Redis at once', delivered: 'a delivery',
    connection: 'a stream that begins', session: 'a session that begins',
    conversation: 'a conversation that begins',
    held: 'an idle stream, a second',
};

table('costs', ['us of CPU', 'nginx', 'PostgreSQL', 'Redis'],
    Object.entries(whats).map(([what, name]) => [name, ...parts.map(
        (part) => cost[part][what] ?? cost[what]?.[part] ?? '')]));

table('reads', ['conversations that changed', 'sweep, us', 'list, us'],
    cost.sweep.map(([n, us], i) => [String(n), us, cost.inbox[i][1]]));

table('machine', ['', ''], [
    ...Object.entries(measured.machine).filter(([what]) => what !== 'load'),
    ['load of the machine', String(measured.machine.load)],
    ['a core is slower than alone, times', calibration.slow],
    ['a commit takes besides CPU, ms', calibration.commit / 1000],
    ['stored for a message, bytes', measured.bytes],
]);

table('checks', ['', 'measured', 'simulated', 'within', ''],
    checks.map((row) => [`${row.point}: ${row.what}`, row.was, row.is,
                         `× ${row.within}`, row.holds ? 'holds' : 'differs']));

const byHand = sum(cost, scenario);
const others = Object.values(scenario.others)
    .map((other) => sum(cost, {...scenario, ...other}).lines);

table('hand', ['by hand', `${scenario.sites} sites`,
               ...Object.keys(scenario.others)],
    Object.entries(byHand.lines).map(([what, n]) =>
        [what, n, ...others.map((lines) => lines[what])]));

const {rows, agree} = large(cost, scenario, byHand);

table('simulated', ['', 'by hand', 'simulated'], rows);

const [, , path] = process.argv;

if (path) {
    const text = fs.readFileSync(path, 'utf8');

    fs.writeFileSync(path, text.replace(
        /(<!-- (\w+) -->\n)(?:\|.*\n)*/g,
        (all, mark, name) => `${mark}${tables[name]}\n`));
}

process.exit(checks.every((row) => row.holds) && agree ? 0 : 1);
