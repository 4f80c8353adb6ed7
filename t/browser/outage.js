/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * PostgreSQL and Redis, away and hanging under a page.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';


function run(command, ...args) {
    const { status, stdout } = spawnSync(command, args,
                                         { encoding: 'utf8' });

    assert.equal(status, 0, `${command} ${args.join(' ')}`);

    return stdout.trim();
}


/*
 * A server that tests may stop, and freeze with all its processes.  The
 * setting names the tool for it and its directory.
 */
export function server(setting, ...settings) {
    const [tool, dir] = process.env[setting].split(' ');

    const signal = (name) => {
        const pid = run(tool, 'pid', dir);
        const children = spawnSync('ps', ['-o', 'pid=', '--ppid', pid],
                                   { encoding: 'utf8' }).stdout;

        for (const one of [pid, ...children.split('\n')]) {
            if (one.trim()) {
                try {
                    process.kill(Number(one), name);
                } catch (error) {
                    assert.equal(error.code, 'ESRCH');
                }
            }
        }
    };

    return {
        /* While the act runs it is away; afterwards it is not. */
        async without(act, how) {
            run(tool, 'stop', dir, ...(how ? [how] : []));

            try {
                await act();
            } finally {
                run(tool, 'start', dir, ...settings);
            }
        },

        async frozen(act) {
            signal('SIGSTOP');

            try {
                await act();
            } finally {
                signal('SIGCONT');
            }
        },
    };
}
