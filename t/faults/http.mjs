// Calls of the API, which may fail in any way.

import http from 'node:http';

export function sleep(ms) {
    return new Promise((resolve) => setTimeout(resolve, ms));
}

const agents = new Map();

// One kept connection for a client and host, and no more: calls of a client
// to whom none is given have a connection each.

function agentOf(name) {
    if (!name) {
        return false;
    }

    if (!agents.has(name)) {
        agents.set(name, new http.Agent({keepAlive: true, maxSockets: 1}));
    }

    return agents.get(name);
}

export function disconnect() {
    agents.forEach((agent) => agent.destroy());
    agents.clear();
}

// Resolves with the header of the answer: {status, headers, body}, a stream,
// and close().

export function open(target, token, method, path, more = {}) {
    return new Promise((resolve, reject) => {
        const headers = {...more.headers};

        if (token) {
            headers.authorization = `Bearer ${token}`;
        }

        if (more.body !== undefined) {
            headers['content-type'] = 'application/json';
            headers['content-length'] = Buffer.byteLength(more.body);
        }

        const request = http.request({
            host: target.host ?? '127.0.0.1', port: target.port, method, path,
            headers, signal: more.signal,
            agent: agentOf(more.keep && `${more.keep} ${target.port}`),
        }, (response) => resolve({
            status: response.statusCode, headers: response.headers,
            body: response, close: () => request.destroy(),
        }));

        // from here on it is the server's time: a kept connection may have
        // had an earlier call to finish
        request.on('socket', () => more.sent?.(performance.now()));
        request.on('error', reject);
        request.end(more.body);
    });
}

// One call: {status, headers, json, ms}; rejects when there is no whole answer
// in time.

export async function call(target, token, method, path, json, more = {}) {
    const signal = AbortSignal.timeout(more.timeout ?? 12000);
    let sent;
    const answer = await open(target, token, method, path, {
        ...more, sent: (now) => {
            sent = now;
        }, body: json === undefined ? undefined : JSON.stringify(json),
        signal: more.signal ? AbortSignal.any([signal, more.signal]) : signal,
    });
    let text = '';

    answer.body.setEncoding('utf8');

    for await (const part of answer.body) {
        text += part;
    }

    let body = null;

    try {
        body = text ? JSON.parse(text) : null;
    } catch (error) {
        // nginx answers some errors by itself, as HTML
        if (answer.status < 400) {
            throw error;
        }
    }

    return {status: answer.status, headers: answer.headers, json: body,
            ms: performance.now() - sent};
}
