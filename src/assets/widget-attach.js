/* Copyright (C) the ngx_http_chat_module authors */

/*
 * Files of messages: chosen, made smaller, uploaded while one goes on
 * writing, and shown.  It is loaded with the first of them, and borrows what
 * the panel has loaded already.
 */

const SIDE = 2000;
const TRIES = 4;
const KEPT = 60000;
const DRAWN = /^image\/(png|jpeg|gif|webp|avif)$/;
const AGAIN = /^image\/(png|jpeg|webp)$/;

/** @type {Record<string, (suffix: string) => Promise<any>>} */
const CATALOGUES = {
    en: (suffix) => import('./en-attach.js' + suffix),
    ar: (suffix) => import('./ar-attach.js' + suffix),
    he: (suffix) => import('./he-attach.js' + suffix),
};

const STYLE = `
.file { margin-block: 4px }
.file img { display: block; max-inline-size: 100%; max-block-size: 240px;
    inline-size: auto; block-size: auto; border-radius: 8px }
.files { display: flex; flex-wrap: wrap; gap: 8px; inline-size: 100%;
    margin: 0; padding: 0; list-style: none; font-size: .8125rem }
.files li { display: flex; flex-wrap: wrap; align-items: center; gap: 6px;
    max-inline-size: 100%; box-sizing: border-box; padding: 4px;
    padding-inline-start: 8px; border: 1px solid var(--border);
    border-radius: 10px }
.files bdi { overflow: hidden; max-inline-size: 9em; text-overflow: ellipsis;
    white-space: nowrap }
.files canvas { inline-size: 32px; block-size: 32px; border-radius: 6px }
.files progress { inline-size: 4em; accent-color: var(--accent) }
.files .bad { inline-size: 100%; color: var(--bad) }
.files button { padding: 4px 8px }
.dropping { outline: 3px dashed var(--fg); outline-offset: -6px }`;


/**
 * @typedef {import('./widget-view.js').Lent} Lent
 * @typedef {ReturnType<typeof createAttach>} Files
 * @typedef {{file: File | null, it: Attachment | null, stop: () => void,
 *            node: HTMLElement, bar: HTMLProgressElement, bad: HTMLElement,
 *            again: HTMLElement}} Chip
 */


/**
 * The files of a panel.
 *
 * @param {Lent} lent
 */
export async function attachments(lent) {
    const { i18n, part } = lent;
    const load = part(CATALOGUES[i18n.lang] || CATALOGUES.en);
    const words = (await load().catch(load)).default;

    lent.files = lent.files || createAttach(lent, words);

    return lent.files;
}


/**
 * @param {Lent} lent
 * @param {Record<string, string>} words
 */
function createAttach(lent, words) {
    const { adopt, attr, h, text, i18n, actions, composer, emit } = lent;
    const limit = lent.shown()?.upload || { size: 0, count: 0 };
    const { memory } = actions;
    const { element: form, fit: changed } = composer;
    const api = actions.api();
    const size = new Intl.NumberFormat(i18n.lang, {
        style: 'unit', unit: 'kilobyte', unitDisplay: 'short' });
    const list = h('ul', { class: 'files', 'aria-label': words.list,
                           hidden: true });
    const status = h('p', { class: 'hidden', role: 'status' });
    /** @type {Set<Chip>} */
    const chips = new Set();

    /** @param {number} bytes */
    const kilobytes = (bytes) => size.format(Math.ceil(bytes / 1024));

    /**
     * @param {string} key
     * @param {string} [name]
     */
    const say = (key, name = '') => words[key]
        .replace('{name}', () => `\u2068${name}\u2069`)
        .replace('{count}', i18n.number(limit.count))
        .replace('{size}', kilobytes(limit.size));

    adopt(form, STYLE);
    form.prepend(list, status);

    function update() {
        const done = ready();

        attr(list, 'hidden', !chips.size);
        memory.keepDraft('#files', done.length ? JSON.stringify(done) : '');
        changed();
    }

    function ready() {
        return [...chips].flatMap(({ it }) => it ? [it] : []);
    }

    /**
     * @param {string} name
     * @param {File | null} file
     * @param {Attachment | null} it
     */
    function add(name, file, it) {
        const canvas = h('canvas', { width: 64, height: 64, hidden: true,
                                     'aria-hidden': 'true' });
        const bar = h('progress', { max: 1, value: 0, hidden: !!it,
                                    'aria-label': say('going', name) });
        const bad = h('span', { class: 'bad', role: 'alert' });
        const again = h('button', { type: 'button', hidden: true,
                                    'aria-label': say('retry', name),
                                    onclick: () => start(chip, canvas) },
                        '↻');
        const remove = h('button', { type: 'button',
                                     'aria-label': say('remove', name),
                                     onclick: () => drop(chip, name) }, '✕');
        const node = h('li', {}, canvas, h('bdi', {}, name), bar, again,
                       remove, bad);
        /** @type {Chip} */
        const chip = { file, it, stop() {}, node, bar, bad, again };

        chips.add(chip);
        list.append(node);

        if (file) {
            start(chip, canvas);
        }
    }

    /**
     * @param {Chip} chip
     * @param {string} name
     */
    function drop(chip, name) {
        chip.stop();
        chips.delete(chip);
        chip.node.remove();
        text(status, say('gone', name));
        composer.input.focus();
        update();
    }

    /**
     * @param {Chip} chip
     * @param {HTMLCanvasElement} canvas
     */
    async function start(chip, canvas) {
        const { bar, bad, again } = chip;
        const file = /** @type {File} */ (chip.file);
        const { name } = file;

        attr(bar, 'hidden', false);
        attr(again, 'hidden', true);
        text(bad, '');
        changed();

        try {
            const bytes = await smaller(file, canvas);

            if (chips.has(chip)) {
                chip.it = bytes.size > limit.size ? fail('too_large')
                          : await upload(chip, bytes, name);
                text(status, say('done', name));
                emit('upload', chip.it);
            }
        } catch (error) {
            const { code } = /** @type {any} */ (error);

            text(bad, say(Object.hasOwn(words, code) ? code : 'other', name));
            attr(again, 'hidden', !!code);
        }

        attr(bar, 'hidden', true);
        update();
    }

    /**
     * @param {Chip} chip
     * @param {Blob} bytes
     * @param {string} name
     * @returns {Promise<Attachment>}
     */
    async function upload(chip, bytes, name) {
        for (let tries = 1; ; tries++) {
            const { status: code, body } = await put(chip, bytes, name);

            if (code === 201) {
                return JSON.parse(body);
            }

            if (code === 413 || code === 415) {
                fail(JSON.parse(body).code);
            }

            if (!chips.has(chip) || tries === TRIES
                || code && code !== 429 && code < 500)
            {
                throw new Error();
            }

            await new Promise((resolve) => setTimeout(
                resolve, 2 ** tries * 500 * (1 + Math.random())));
        }
    }

    /**
     * @param {Chip} chip
     * @param {Blob} bytes
     * @param {string} name
     * @returns {Promise<{status: number, body: string}>}
     */
    function put(chip, bytes, name) {
        return new Promise((resolve) => {
            /* fetch() does not tell how much has been sent */
            const call = new XMLHttpRequest();

            call.open('PUT', api.url(`attachments/${encodeURIComponent(
                name.replace(/[/\\]/g, '_'))}`));

            if (api.token()) {
                call.setRequestHeader('Authorization',
                                      `Bearer ${api.token()}`);
            }

            if (api.role) {
                call.setRequestHeader('X-Chat-Role', api.role);
            }

            call.upload.onprogress = ({ loaded, total }) => {
                chip.bar.value = loaded / total;
            };
            call.onloadend = () => resolve({ status: call.status,
                                             body: call.responseText });
            chip.stop = () => call.abort();
            call.send(bytes);
        });
    }

    /** @type {Attachment[]} */
    const before = JSON.parse(memory.draft('#files') || '[]');

    before.forEach((it) => add(it.name, null, it));
    update();

    return {
        choose() {
            const input = h('input', {
                type: 'file', multiple: true,
                onchange: () => this.add([...input.files || []]) });

            input.click();
        },

        /** @param {File[]} files */
        add(files) {
            for (const file of files) {
                if (chips.size >= limit.count) {
                    text(status, say('many'));
                    break;
                }

                add(file.name, file, null);
            }

            update();
        },

        /** undefined: no files; false: they are not there yet */
        ready: () => chips.size ? ready().length === chips.size : undefined,

        /** What goes with the message. */
        take() {
            const files = ready();

            chips.forEach(({ node }) => node.remove());
            chips.clear();
            text(status, '');
            update();

            return files.length ? files : undefined;
        },

        /**
         * @param {HTMLElement} slot
         * @param {Attachment} it
         */
        show(slot, it) {
            const url = api.url(`attachments/${it.id}`).href;
            const drawn = DRAWN.test(it.type);
            const link = h('a', { href: url, target: '_blank',
                                  download: drawn ? null : it.name },
                           h('bdi', {}, it.name), ` ${kilobytes(it.size)}`);

            slot.replaceChildren(link);

            if (api.token()) {
                link.addEventListener('click', async (event) => {
                    event.preventDefault();
                    h('a', { href: await blob(it), download: it.name })
                        .click();
                });
            }

            if (drawn && it.width && it.height) {
                picture(link, it, url);
            }
        },
    };

    /**
     * A page whose policy lets no picture in has the name alone.
     *
     * @param {HTMLElement} link
     * @param {Attachment} it
     * @param {string} url
     */
    async function picture(link, it, url) {
        const img = h('img', { alt: '', width: it.width, height: it.height,
                               onerror: () => img.remove() });

        link.prepend(img);
        img.src = api.token() ? await blob(it) : url;
    }

    /** @param {Attachment} it */
    async function blob(it) {
        const answer = await api.open(`attachments/${it.id}`, {}, '*/*',
                                      new AbortController().signal);

        const url = URL.createObjectURL(await answer.blob());

        /* What is taken back must not be had for longer. */
        setTimeout(() => URL.revokeObjectURL(url), KEPT);

        return url;
    }
}


/**
 * @param {string} code
 * @returns {never}
 */
function fail(code) {
    throw Object.assign(new Error(), { code });
}


/**
 * A large picture made smaller; a photo drawn anew in any case, without the
 * place where it was taken.  The preview is drawn too: a page may let no
 * other pictures in.
 *
 * @param {File} file
 * @param {HTMLCanvasElement} preview
 * @returns {Promise<Blob>}
 */
async function smaller(file, preview) {
    if (!AGAIN.test(file.type)) {
        return file;
    }

    try {
        const bitmap = await createImageBitmap(file);
        const { width, height } = bitmap;
        const scale = Math.min(1, SIDE / Math.max(width, height));
        const small = 64 / Math.min(width, height);

        preview.getContext('2d')?.drawImage(
            bitmap, (64 - width * small) / 2, (64 - height * small) / 2,
            width * small, height * small);
        preview.hidden = false;

        if (scale === 1 && file.type !== 'image/jpeg') {
            return file;
        }

        const canvas = document.createElement('canvas');

        canvas.width = Math.round(width * scale);
        canvas.height = Math.round(height * scale);
        canvas.getContext('2d')?.drawImage(bitmap, 0, 0, canvas.width,
                                           canvas.height);
        bitmap.close();

        return await new Promise((resolve) => canvas.toBlob(
            (made) => resolve(made || file), file.type, .85));
    } catch {
        return file;
    }
}
