/* Copyright (C) the ngx_http_chat_module authors */

const TIMEOUT = 15000;


/** An answer that is not a success; status 0 when none came. */
export class Problem extends Error {
    /**
     * @param {number} status
     * @param {ProblemBody} [body]
     * @param {number} [retryAfter] ms
     */
    constructor(status, body = {}, retryAfter = 0) {
        const code = body.code
                     || (status === 0 || status >= 500 ? 'unavailable'
                                                       : 'refused');

        super(code);
        this.status = status;
        this.code = code;
        this.body = body;
        this.retryAfter = retryAfter;
    }

    /** Whether the same request may succeed later. */
    get passing() {
        return [0, 408, 429].includes(this.status) || this.status >= 500;
    }
}


/**
 * Whatever was thrown, as a Problem.  Parts that are loaded later have a copy
 * of the class.
 *
 * @param {any} error
 * @returns {Problem}
 */
export function asProblem(error) {
    return error instanceof Error && 'passing' in error
           ? /** @type {Problem} */ (error) : new Problem(0);
}


/**
 * The HTTP API under a prefix.  Calls resolve with the parsed answer (null
 * when it is empty) and reject with a Problem.
 *
 * @param {string} base the prefix with a slash at its end
 * @param {Record<string, string>} [headers] sent with every request, as they
 *     are then
 * @returns {Api}
 */
export function createApi(base, headers = {}) {
    return {
        token: () => (headers.Authorization || '').slice(7),

        url(path, query = {}) {
            const url = new URL(`v1/${path}`, base);

            for (const [name, value] of Object.entries(query)) {
                if (value !== undefined && value !== null) {
                    url.searchParams.set(name, String(value));
                }
            }

            return url;
        },

        async call(method, path, options = {}) {
            const stop = new AbortController();
            const timer = setTimeout(() => stop.abort(),
                                     options.timeout || TIMEOUT);
            const cancel = () => stop.abort();

            options.signal?.addEventListener('abort', cancel);

            try {
                const answer = await ask(method, this.url(path, options.query),
                                         options.body, headers, stop.signal);

                return await parsed(answer);
            } finally {
                clearTimeout(timer);
                options.signal?.removeEventListener('abort', cancel);
            }
        },

        async open(path, query, accept, signal) {
            const answer = await ask('GET', this.url(path, query), undefined,
                                     { ...headers, 'Accept': accept },
                                     signal);

            if (!answer.ok) {
                await parsed(answer);
            }

            return answer;
        },
    };
}


/**
 * @param {string} method
 * @param {URL} url
 * @param {object | undefined} body
 * @param {Record<string, string>} headers
 * @param {AbortSignal} signal
 */
function ask(method, url, body, headers, signal) {
    return fetch(url, {
        method,
        headers: body ? { ...headers, 'Content-Type': 'application/json' }
                      : headers,
        body: body && JSON.stringify(body),
        cache: 'no-store',
        signal,
    }).catch(() => {
        throw new Problem(0);
    });
}


/** @param {Response} answer */
async function parsed(answer) {
    let body;

    try {
        body = await answer.text();
    } catch {
        throw new Problem(0);
    }

    try {
        body = body === '' ? null : JSON.parse(body);
    } catch {
        throw new Problem(answer.ok ? 502 : answer.status);
    }

    if (!answer.ok) {
        throw new Problem(answer.status, body || {},
                          1000 * Number(answer.headers.get('Retry-After'))
                          || 0);
    }

    return body;
}
