/* Copyright (C) the ngx_http_chat_module authors */

/*
 * Where messages lie until the server has them: IndexedDB, so that they are
 * there after a crash and for the other tabs, or memory where it is denied.
 */


/**
 * @param {string} name
 * @returns {Shelf}
 */
export function createShelf(name) {
    /** @type {Promise<IDBDatabase> | null} */
    let opening = null;
    /** @type {Kept[]} */
    let kept = [];
    /** @type {Map<string, string>} */
    const lanes = new Map();
    let last = 0;
    let memory = false;

    function open() {
        opening = opening || new Promise((resolve, reject) => {
            const request = indexedDB.open(name, 1);

            request.onupgradeneeded = () => {
                request.result.createObjectStore('outbox', {
                    keyPath: 'n', autoIncrement: true });
                request.result.createObjectStore('lanes');
            };
            request.onsuccess = () => {
                /* shutdown() in another tab deletes it */
                request.result.onversionchange = () => {
                    request.result.close();
                    opening = null;
                };
                resolve(request.result);
            };
            request.onerror = () => reject(request.error);
        });

        return opening;
    }

    /**
     * @param {(outbox: IDBObjectStore, lanes: IDBObjectStore)
     *     => IDBRequest<any>} act
     * @param {() => any} instead
     * @param {IDBTransactionMode} [mode]
     * @returns {Promise<any>} when it is on disk
     */
    async function run(act, instead, mode = 'readwrite') {
        if (!memory) {
            try {
                const db = await open();
                const tx = db.transaction(['outbox', 'lanes'], mode);
                const request = act(tx.objectStore('outbox'),
                                    tx.objectStore('lanes'));

                await new Promise((resolve, reject) => {
                    tx.oncomplete = resolve;
                    tx.onabort = tx.onerror = () => reject(tx.error);
                });

                return request.result;
            } catch {
                memory = true;
            }
        }

        return instead();
    }

    return {
        add: (item) => run((outbox) => outbox.add(item), () => {
            kept.push({ ...item, n: ++last });

            return last;
        }),

        all: () => run((outbox) => outbox.getAll(), () => [...kept],
                       'readonly'),

        put: (item) => run((outbox) => outbox.put(item), () => {
            kept = kept.map((it) => it.n === item.n ? item : it);
        }),

        remove: (n) => run((outbox) => outbox.delete(n), () => {
            kept = kept.filter((it) => it.n !== n);
        }),

        /* A conversation has begun with a message that was taken. */
        begun: (n, lane, conversation) => run((outbox, known) => {
            known.put(conversation, lane);

            return outbox.delete(n);
        }, () => {
            lanes.set(lane, conversation);
            kept = kept.filter((it) => it.n !== n);
        }),

        lane: (lane) => run((_, known) => known.get(lane),
                            () => lanes.get(lane), 'readonly'),

        async forget() {
            const db = await opening?.catch(() => null);

            db?.close();
            opening = null;
            kept = [];
            lanes.clear();
            await new Promise((resolve) => {
                try {
                    const request = indexedDB.deleteDatabase(name);

                    request.onsuccess = request.onerror
                                      = request.onblocked = resolve;
                } catch {
                    resolve(null);
                }
            });
        },
    };
}
