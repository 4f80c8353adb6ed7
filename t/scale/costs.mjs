// What each thing costs, in microseconds of CPU, from what was measured: a
// fit of the CPU of nginx, PostgreSQL and Redis to how often each of them did
// what.

// The workers that have one of so many readers, who are anywhere.

export function listening(workers, readers) {
    return workers * (1 - (1 - 1 / workers) ** readers);
}

// Messages of one batch come through Redis together, and a worker is woken up
// once for all of them.

function did(point) {
    const {messages, batches, workers, readers = 0} = point;
    const each = batches > 0 ? messages / batches : 0;

    return {...point, received: batches * listening(workers, readers * each)};
}

const terms = {
    nginx: ['messages', 'batches', 'received', 'delivered'],
    postgres: ['messages', 'batches'],
    redis: ['messages', 'batches', 'received'],
};

export const isCheck = (point) => point.name.startsWith('check');


// The non-negative x with the least sum of (a x - b)^2.

export function leastSquares(a, b) {
    const n = a[0].length;
    const x = new Array(n).fill(0);

    for (let round = 0; round < 20000; round++) {
        for (let j = 0; j < n; j++) {
            let above = 0;
            let below = 0;

            a.forEach((row, i) => {
                const rest = row.reduce((sum, value, k) =>
                    k === j ? sum : sum - value * x[k], b[i]);

                above += row[j] * rest;
                below += row[j] * row[j];
            });

            x[j] = below > 0 ? Math.max(0, above / below) : 0;
        }
    }

    return x;
}


// Each point counts as much as any other: errors are relative to what it took.

function fit(points, part) {
    const names = terms[part];
    const rows = points.filter((point) => point.cpu[part] > 0);
    const x = leastSquares(
        rows.map((point) => names.map((name) => point[name] * 1e-6
                                                / point.cpu[part])),
        rows.map(() => 1));

    return Object.fromEntries(names.map((name, i) => [name, x[i]]));
}


export function costs(measured) {
    const idle = measured.points.find((point) => point.name === 'idle');
    const points = measured.points
        .filter((point) => point !== idle && !isCheck(point))
        .map((point) => {
            const {seconds, cpu} = did(point);
            const part = seconds / idle.seconds;

            return {...did(point), cpu: Object.fromEntries(
                Object.entries(cpu).map(([name, value]) =>
                    [name, value - idle.cpu[name] * part]))};
        });
    const {connections, sessions, reads} = measured;
    const each = (what) => Object.fromEntries(Object.entries(what.cpu)
        .map(([name, value]) => [name, value * 1e6 / what.n]));
    const {held} = connections;

    return {
        ...Object.fromEntries(Object.keys(terms).map((part) =>
            [part, fit(points, part)])),
        connection: each(connections),
        session: each(sessions.session),
        conversation: each(sessions.conversation),
        // an idle connection, a second; the rest of what is idle is not its
        held: Object.fromEntries(Object.entries(held.cpu).map(
            ([name, value]) => [name, Math.max(0, value / held.seconds
                - idle.cpu[name] / idle.seconds) * 1e6 / connections.n])),
        sweep: reads.map((read) => [read.changed, read.sweep_us]),
        inbox: reads.map((read) => [read.changed, read.inbox_us]),
        stored: measured.bytes,
    };
}


// A value between measured ones, and as the last two beyond them.

export function between(table, x) {
    let i = table.findIndex(([at]) => at >= x);

    if (i < 0) {
        i = table.length - 1;
    }

    i = Math.max(1, i);

    const [[x0, y0], [x1, y1]] = [table[i - 1], table[i]];

    return y0 + (y1 - y0) * (x - x0) / (x1 - x0);
}
