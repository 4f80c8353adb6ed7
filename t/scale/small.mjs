// What was measured on one machine, simulated: the points that the costs were
// not fitted to have to come out as they were measured.

import {isCheck} from './costs.mjs';
import {Service} from './service.mjs';

const second = 1e6;


function talks(service, point) {
    return Array.from({length: point.conversations}, () => ({
        readers: Array.from({length: point.readers}, () => service.worker()),
    }));
}

// One point of measured.json: open loop at its rate, or closed with so many
// messages in flight.

export function simulate(costs, point, {slow, commit, cores, seconds = 2}) {
    const service = new Service(costs, {
        hosts: 1, cores, workers: point.workers, together: true, slow, commit,
    });
    const all = talks(service, point);

    if (point.rate) {
        service.poisson(point.rate, () => service.send(service.any(all)));
    } else {
        for (let i = 0; i < point.pubs; i++) {
            const again = () => service.send(service.any(all), again);

            again();
        }
    }

    service.clock.run(seconds * second);

    return service.report(seconds);
}


// How long a commit takes besides CPU, and how slow the cores were since others
// used them too: what the throughput of the points in a closed loop says.

export function calibrate(costs, measured) {
    const points = measured.points.filter(
        (point) => point.pubs && !point.rate && !isCheck(point));
    const {cores} = measured.machine;
    let best = null;

    for (const slow of [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6]) {
        for (const commit of [0, 100, 200, 500, 1000, 2000, 4000]) {
            const error = points.reduce((sum, point) => {
                const {perSecond} = simulate(costs, point,
                    {slow, commit, cores, seconds: 0.5});

                return sum + Math.log(perSecond / point.per_second) ** 2;
            }, 0);

            if (!best || error < best.error) {
                best = {slow, commit, cores, error};
            }
        }
    }

    return best;
}


// Each check: what, measured, simulated, and whether they agree.  To be woken up
// costs nginx and Redis something that is shared by all that has come by then,
// of which costs that add up know only a part.

export function compare(costs, measured, calibration) {
    const all = measured.points.filter(isCheck);

    return all.flatMap((point) => {
        const {cores, ...report} = simulate(costs, point, calibration);
        const each = (n) => n * 1e6 / point.messages;
        const row = (what, was, is, within) => ({
            point: point.name.replace('check: ', ''), what, was, is, within,
            holds: is <= was * within && is >= was / within,
        });

        return [
            ...['nginx', 'postgres', 'redis'].map((part) => row(
                `${part}, us of CPU a message`, each(point.cpu[part]),
                cores[part] * 1e6 / report.perSecond,
                part === 'postgres' ? 1.5 : 2)),
            row('messages a batch', point.messages / point.batches,
                report.messages / report.batches, 2),
            row('messages a second', point.messages / point.seconds,
                report.perSecond, 1.5),
            row('acknowledged after, p50 ms', point.ack_ms.p50,
                report.ackMs.p50, 3),
        ];
    });
}
