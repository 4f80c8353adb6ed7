/* Copyright (C) the ngx_http_chat_module authors */

/*
 * What a message asks, answered in its place; and the form that it shares
 * with what is asked before a chat.  A card of a kind that is not known here
 * is its text alone.  It is loaded with the first card, and borrows what the
 * panel has loaded already.
 */

/** @type {Record<string, (suffix: string) => Promise<any>>} */
const CATALOGUES = {
    en: (suffix) => import('./en-ask.js' + suffix),
    ar: (suffix) => import('./ar-ask.js' + suffix),
    he: (suffix) => import('./he-ask.js' + suffix),
};

const STYLE = `
.ask { display: grid; gap: 8px; margin-block: 6px; white-space: normal }
.ask fieldset { display: grid; gap: 8px; min-inline-size: 0; margin: 0;
    padding: 0; border: 0 }
.ask p { margin: 0; font-size: .8125rem }
.ask p:empty { min-block-size: 0 }
.ask > p:empty, .ask fieldset > p:empty { margin-block-start: -8px }
.ask .bad { color: var(--bad) }
.ask .input { inline-size: 100%; border-radius: 12px }
.ask button { justify-self: start; min-block-size: 44px;
    border-color: var(--muted) }
.ask [aria-pressed=true] { border-color: transparent;
    background: var(--accent); color: var(--accent-fg) }
.pick { display: flex; gap: 10px; align-items: center; min-block-size: 44px }
.pick input { flex: none; inline-size: 20px; block-size: 20px; margin: 0;
    accent-color: var(--accent) }
ul.ask { padding: 0; list-style: none }
.said { margin: 0; padding-inline: 24px; font-size: .875rem }
.talk > .ask { flex: 0 1 auto; margin: 0; padding: 12px 24px;
    overflow-y: auto; border-block-start: 1px solid var(--border) }
.intro .ask { margin-block: 16px 0; color: var(--fg) }
.away-text { margin-block-start: 12px !important; color: var(--fg) }
.first button { justify-self: stretch; border-color: transparent;
    background: var(--accent); color: var(--accent-fg) }
@media (forced-colors: active) {
    .ask [aria-pressed=true] { outline: 3px solid Highlight }
}`;

const MAILBOX = /^[^\s@<>",;]+@[^\s@<>",;]+$/;

/** @type {WeakSet<Node>} */
const styled = new WeakSet();
let made = 0;


/**
 * @typedef {import('./widget-view.js').Lent} Lent
 * @typedef {ReturnType<typeof createCards>} Cards
 * @typedef {{nodes: Node[], read: () => any, fill: (to: any) => void}} Part
 *     read() shows what is wrong and returns nothing then
 */


/**
 * The cards of a panel.
 *
 * @param {Lent} lent
 */
export async function cards(lent) {
    const words = await wordsOf(lent);

    lent.cards = lent.cards || createCards(lent, words);

    return lent.cards;
}


/**
 * The texts of all this, in the language of the panel; and its style, once.
 *
 * @param {Lent} lent
 * @returns {Promise<Record<string, string>>}
 */
export async function wordsOf({ adopt, i18n, panel, part }) {
    const root = panel.getRootNode();

    if (panel.isConnected && !styled.has(root)) {
        styled.add(root);
        adopt(panel, STYLE);
    }

    const load = part(CATALOGUES[i18n.lang] || CATALOGUES.en);

    return (await load().catch(load)).default;
}


/**
 * A form whose answer is handed over, and what comes of it told below.
 *
 * @param {Lent} lent
 * @param {Record<string, string>} words
 * @param {string} legend
 * @param {Part} part
 * @param {string} submit '' for none
 * @param {(answer: any) => Promise<void>} hand
 */
export function createForm({ attr, h, i18n, panel, problemText, text },
                           words, legend, part, submit, hand)
{
    const root = /** @type {ShadowRoot} */ (panel.getRootNode());
    const status = h('p', { role: 'status', tabindex: '-1' });
    const alert = h('p', { class: 'bad', role: 'alert' });
    const warn = (/** @type {string} */ code) => text(alert,
        code === 'conflict' ? words.conflict
        : code && problemText(i18n, code));
    const set = h('fieldset', {}, h('legend', { class: 'hidden' }, legend),
                  ...part.nodes,
                  ...submit ? [h('button', {}, submit)] : []);
    const element = h('form', { class: 'ask', novalidate: true,
                                onsubmit: go }, set, status, alert);
    let busy = false;

    /** @param {Event} event */
    async function go(event) {
        event.preventDefault();

        const answer = busy ? null : part.read();

        if (!answer) {
            return;
        }

        busy = true;
        warn('');

        try {
            await hand(answer);
        } catch (/** @type {any} */ error) {
            const { code = 'unavailable', body } = error;

            if (body?.field?.endsWith('email')) {
                text(alert, words.address);
            } else {
                warn(code);
            }
        }

        busy = false;
    }

    return {
        element,
        submit: () => element.requestSubmit(),
        /** @param {string} value */
        say: (value) => text(status, value),
        warn,

        /* Answered for good; the focus stays near. */
        close() {
            const inside = set.contains(root.activeElement);

            attr(set, 'disabled', true);

            if (inside) {
                status.focus();
            }
        },
    };
}


/**
 * Fields, each with its label and what is wrong with it.
 *
 * @param {Lent} lent
 * @param {Record<string, string>} words
 * @param {Field[]} fields
 * @returns {Part}
 */
export function createFields({ attr, h, i18n, text }, words, fields) {
    const all = fields.map(({ name, label, type, required }) => {
        const id = `ask${made++}`;
        const kind = type || (name === 'email' ? 'email' : 'text');
        const said = i18n.pick(label) || words[name];
        const input = h(kind === 'long' ? 'textarea' : 'input', {
            'class': 'input', id, name, 'dir': 'auto',
            'type': kind === 'long' ? null : kind,
            'maxlength': name === 'name' ? 100 : 500,
            'aria-required': required ? 'true' : null,
            'autocomplete': name === 'name' ? name
                            : kind === 'email' || kind === 'tel' ? kind
                            : null });
        const bad = h('p', { class: 'bad', id: `${id}-bad` });

        return { name, kind, required, input, bad, node: h('div', {},
            h('label', { for: id, dir: 'auto' }, required ? said
                : words.optional.replace('{label}', () => said)),
            input, bad) };
    });

    return {
        nodes: all.map((it) => it.node),

        read() {
            /** @type {Record<string, string>} */
            const values = {};
            /** @type {HTMLElement | null} */
            let first = null;

            for (const { name, kind, required, input, bad } of all) {
                const value = input.value.trim();
                const wrong = value === '' ? required && words.need
                              : kind === 'email' && !MAILBOX.test(value)
                                && words.address;

                text(bad, wrong || '');
                attr(input, 'aria-invalid', wrong ? 'true' : null);
                attr(input, 'aria-describedby', wrong ? bad.id : null);
                first = first || (wrong ? input : null);

                if (value) {
                    values[name] = value;
                }
            }

            first?.focus();

            return first ? null : values;
        },

        fill(values) {
            all.forEach(({ name, input }) => {
                input.value = values[name] || '';
            });
        },
    };
}


/**
 * Boxes or buttons to choose among.
 *
 * @param {Lent} lent
 * @param {Record<string, string>} words
 * @param {'radio' | 'checkbox'} type
 * @param {{id: string, text: string}[]} options
 */
function createChoice({ h, text }, words, type, options) {
    const group = `ask${made++}`;
    const bad = h('p', { class: 'bad', role: 'alert' });
    const boxes = options.map(({ id }) => h('input', {
        type, name: group, value: id }));

    return {
        nodes: [...options.map((it, i) => h('label', { class: 'pick' },
                    boxes[i], h('span', { dir: 'auto' }, it.text))), bad],

        /** @returns {string[] | null} */
        read() {
            const chosen = boxes.filter((it) => it.checked);

            text(bad, chosen.length ? '' : words.choose);

            if (!chosen.length) {
                boxes[0].focus();
            }

            return chosen.length ? chosen.map((it) => it.value) : null;
        },

        /** @param {string[]} ids */
        fill(ids) {
            boxes.forEach((it) => {
                it.checked = ids.includes(it.value);
            });
        },
    };
}


/**
 * What each kind of card is made of.
 *
 * @type {Record<string, (lent: Lent, words: Record<string, string>,
 *     card: Card, submit: () => void) => Part & {auto?: boolean}>}
 */
const KINDS = {
    choices(lent, words, { options = [], multiple }, submit) {
        const { attr, h } = lent;

        if (multiple) {
            const all = createChoice(lent, words, 'checkbox', options);

            return { nodes: all.nodes,
                     read() {
                         const ids = all.read();

                         return ids && { options: ids };
                     },
                     fill: (to) => all.fill(to.options) };
        }

        let chosen = '';
        const buttons = options.map((it) => h('button', {
            'type': 'button', 'dir': 'auto', 'aria-pressed': 'false',
            onclick() {
                chosen = it.id;
                submit();
            } }, it.text));

        return {
            auto: true,
            nodes: buttons,
            read: () => ({ options: [chosen] }),
            fill: (to) => buttons.forEach((button, i) => attr(
                button, 'aria-pressed',
                String(to.options.includes(options[i].id)))),
        };
    },

    rating(lent, words, { comment }) {
        const { i18n } = lent;
        const stars = createChoice(lent, words, 'radio', [1, 2, 3, 4, 5].map(
            (n) => ({ id: String(n), text: `${i18n.number(n)} · ${
                words[`star.${n}`]}` })));
        const more = createFields(lent, words, comment === false ? [] : [
            { name: 'comment', label: words.comment, type: 'long' }]);

        return {
            nodes: [...stars.nodes, ...more.nodes],

            read() {
                const chosen = stars.read();

                return chosen && { rating: Number(chosen[0]),
                                   ...more.read() };
            },

            fill(to) {
                stars.fill([String(to.rating)]);
                more.fill(to);
            },
        };
    },

    form(lent, words, { fields = [] }) {
        const all = createFields(lent, words, fields);

        return {
            nodes: all.nodes,

            read() {
                const values = all.read();

                return values && { fields: values };
            },

            fill: (to) => all.fill(to.fields),
        };
    },
};


/**
 * @param {Lent} lent
 * @param {Record<string, string>} words
 */
function createCards(lent, words) {
    const { actions, attr, emit, h, i18n, shown } = lent;
    /** @type {Map<HTMLElement, () => void>} */
    const all = new Map();

    /**
     * @param {HTMLElement} slot
     * @param {ChatEvent} event
     */
    function ask(slot, event) {
        const card = /** @type {Card} */ (event.card);
        const part = KINDS[card.type](lent, words, card, () => form.submit());
        const { conversation, seq: to } = event;
        /* Which answer is shown: one that is kept, or one of the record. */
        let shows = '';
        let seen = 0;
        let waits = false;

        const waiting = () => (shown()?.outgoing || []).filter(
            (it) => it.lane === conversation && it.to === to);

        const form = createForm(lent, words, event.text || '', part,
            part.auto ? '' : card.submit || words.send, async (response) => {
                if (!card.once || !waits) {
                    waiting().filter((it) => it.state === 'failed')
                             .forEach((it) => actions.discard(it.id));
                    await actions.send('', undefined, { to, response });

                    if (response.rating) {
                        emit('csat', response);
                    }
                }
            });

        function done() {
            waits = false;
            form.say(words.done);

            if (card.once) {
                form.close();
            }
        }

        function refresh() {
            const item = waiting().pop();
            const answer = [...shown()?.talk?.events || []].reverse().find(
                (it) => it.response && it.to === to
                        && it.conversation === conversation);

            if (item) {
                const { id, reason, response, state } = item;
                const failed = state === 'failed';

                if (id !== shows) {
                    shows = id;
                    part.fill(response);
                }

                waits = !failed;
                form.say(state === 'waiting' ? i18n.t('state.waiting') : '');
                form.warn(failed && reason || '');

                if (reason === 'conflict') {
                    actions.discard(id);
                }

            } else if (answer && answer.seq > seen) {
                seen = answer.seq;
                part.fill(answer.response);
                done();

            } else if (waits) {
                done();
            }
        }

        refresh();
        slot.replaceChildren(form.element);

        return refresh;
    }

    return {
        /**
         * @param {HTMLElement} slot
         * @param {ChatEvent} event
         */
        show(slot, event) {
            const { type, links = [] } = /** @type {Card} */ (event.card);

            /* The text of the message is announced, not what is below it. */
            attr(slot, 'aria-live', 'off');

            if (type === 'links') {
                slot.replaceChildren(h('ul', { class: 'ask' }, ...links.map(
                    (it) => h('li', {},
                        h('a', { href: it.url, dir: 'auto', target: '_blank',
                                 rel: 'noopener noreferrer' }, it.title),
                        ...it.text ? [h('p', { dir: 'auto' }, it.text)]
                                   : []))));
            } else if (Object.hasOwn(KINDS, type)) {
                all.set(slot, ask(slot, event));
            } else {
                attr(slot, 'hidden', true);
            }
        },

        /** After something has happened in the conversation. */
        update() {
            all.forEach((refresh, slot) => slot.isConnected ? refresh()
                                           : all.delete(slot));
        },
    };
}
