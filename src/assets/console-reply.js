/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, text } from './kernel.js';
import * as kernel from './kernel.js';
import { createCanned } from './console-canned.js';
import { createComposer } from './composer.js';
import { createTyping } from './typing.js';
import { marked } from './console-format.js';
import { part } from './part.js';
import { plainName, problemText } from './i18n.js';
import { visitorName } from './console-inbox.js';

const MOST = 16384;
const FILES = { size: 10 * 1024 * 1024, count: 10 };

const attach = part((suffix) => import('./widget-attach.js' + suffix));
const asking = part((suffix) => import('./console-send.js' + suffix));

/** @typedef {import('./console-state.js').ConsoleState} ConsoleState */


/**
 * Where an agent writes: to the customer, or a note for colleagues, which
 * looks and is called different.
 *
 * @param {Wording} i18n
 * @param {import('./console-talk.js').TalkActions} actions
 */
export function createReply(i18n, actions) {
    const { t } = i18n;
    const { keeper } = actions;
    let shown = '';
    let author = '';
    /** @type {ConsoleState | null} */
    let now = null;
    /** Of each conversation its files. */
    /** @type {Map<string, {slot: HTMLElement, files: any}>} */
    const chosen = new Map();

    const internal = h('input', { type: 'checkbox', onchange() {
        mode();
        keep();
        composer.input.focus();
    } });
    const typing = createTyping((on) => actions.typing(shown, on,
                                                       internal.checked));
    const whom = h('p', { class: 'whom' });
    const slots = h('div', { class: 'slots' });
    const add = h('button', { type: 'button', class: 'attach',
                              onclick: choose }, t('composer.attach'));
    const card = h('button', { type: 'button', 'aria-haspopup': 'dialog',
                               onclick: () => ask() }, t('card.button'));
    /** @type {ReturnType<typeof
     *     import('./console-send.js').createSend> | null} */
    let cards = null;
    const composer = createComposer({
        label: t('composer.reply'), send: t('composer.send'), most: MOST,
        long: t('problem.too_large'),
        extra: [slots,
                h('label', { class: 'toggle' }, internal,
                  h('span', {}, t('composer.internal'))), card, add],
        more: () => chosen.get(shown)?.files.ready(),
        onsend: (value) => actions.send(
            value, internal.checked ? 'internal' : 'public',
            chosen.get(shown)?.files.take()),
        oninput(value) {
            keep();
            typing.input(value);
        },
    });
    const { element, input } = composer;
    const canned = createCanned({
        i18n, input, values,
        canned: () => now?.desk.canned || [],
        people: () => !internal.checked ? []
            : (now?.desk.agents || []).filter(
                  ({ id, disabled }) => !disabled && id !== now?.agent?.id),
        onchange() {
            composer.fit();
            keep();
        },
    });

    element.prepend(whom, ...canned.elements);

    /* Before the composer takes Enter. */
    element.addEventListener('keydown', (event) => {
        if (event.target === input && canned.key(event)) {
            event.preventDefault();
            event.stopPropagation();
        }
    }, { capture: true });

    input.addEventListener('paste', (event) => {
        const files = [...event.clipboardData?.files || []];

        if (files.length) {
            event.preventDefault();
            use((it) => it.add(files));
        }
    });

    for (const name of ['dragover', 'dragleave', 'drop']) {
        element.addEventListener(name, (event) => {
            const { dataTransfer } = /** @type {DragEvent} */ (event);

            if (dataTransfer?.types.includes('Files')) {
                const files = [...dataTransfer.files];

                event.preventDefault();
                element.classList.toggle('dropping', name === 'dragover');

                if (name === 'drop' && files.length) {
                    use((it) => it.add(files));
                }
            }
        });
    }

    function keep() {
        keeper.keepDraft(shown, { text: input.value,
                                  note: internal.checked });
    }

    function values() {
        const { conversation, agent } = now || {};
        const name = plainName(conversation?.visitor.name || '');

        return {
            'visitor.name': name,
            'visitor.first_name': name.split(/\s/)[0],
            'visitor.email': conversation?.visitor.email || '',
            'agent.name': plainName(agent?.name || ''),
            'conversation.id': conversation?.id || '',
        };
    }

    /** A note must not be mistaken for a reply. */
    function mode() {
        const note = internal.checked;
        const label = t(note ? 'composer.note' : 'composer.reply');
        const send = t(note ? 'composer.save' : 'composer.send');

        attr(element, 'class', note ? 'composer noting' : 'composer');
        attr(input, 'aria-label', label);
        attr(input, 'placeholder', label);
        attr(composer.button, 'aria-label', send);
        attr(composer.button, 'title', send);
        attr(card, 'hidden', note);
        text(whom, note ? t('composer.inside') : outside());
    }

    function outside() {
        const visitor = now?.conversation?.visitor;

        return t('composer.whom', { name: visitor ? visitorName(visitor, i18n)
                                                  : '' });
    }

    /**
     * The dialog in which a card is made.
     *
     * @param {Outgoing & {code: string, field?: string}} [refused] what the
     *     server did not take
     * @returns {Promise<boolean>} whether it is open
     */
    async function ask(refused) {
        const id = shown;

        try {
            const { createSend } = await asking();

            cards = cards || createSend({
                ...kernel, i18n, problemText, keeper,
                send: (/** @type {string} */ said,
                       /** @type {Card} */ made) =>
                    actions.send(said, 'public', undefined, made),
            });
        } catch {
            text(whom, t('problem.unavailable'));
        }

        return id === shown && (!refused || refused.lane === id)
               && cards?.open(id, outside(), refused) === true;
    }

    /** The files of the conversation that is shown. */
    async function files() {
        const id = shown;
        const { attachments } = await attach();

        if (!chosen.has(id)) {
            const slot = h('div', { class: 'slot', hidden: id !== shown });
            const name = `files:${id}`;

            slots.append(slot);

            const made = await attachments(/** @type {any} */ ({
                ...kernel, adopt: styled(), i18n, part,
                shown: () => ({ upload: FILES }),
                actions: {
                    api: () => ({ ...actions.api, role: 'agent' }),
                    memory: {
                        draft: () => keeper.own(name),
                        keepDraft: (/** @type {string} */ _,
                                    /** @type {string} */ value) =>
                            keeper.keepOwn(name, value),
                    },
                },
                emit() {},
                composer: { ...composer, element: slot },
            }));

            /* Somebody else may have asked meanwhile. */
            if (chosen.has(id)) {
                slot.remove();
            } else {
                attr(slot, 'hidden', id !== shown);
                chosen.set(id, { slot, files: made });
                composer.fit();
            }
        }

        return /** @type {any} */ (chosen.get(id)).files;
    }

    /** Their style is taken once. */
    function styled() {
        return chosen.size ? () => () => {} : kernel.adopt;
    }

    /** @param {(files: any) => void} act */
    async function use(act) {
        try {
            act(await files());
        } catch {
            text(whom, t('problem.unavailable'));
        }
    }

    function choose() {
        return use((it) => it.choose());
    }

    return {
        element,
        attach: choose,
        ask,
        focus: () => input.focus(),

        /** @param {string} mark */
        mark: (mark) => marked(input, mark),

        /** @param {boolean} note */
        write(note) {
            internal.checked = note;
            mode();
            keep();
            input.focus();
        },

        /** @param {ConsoleState} state */
        update(state) {
            const { selected, conversation } = state;
            const other = conversation?.visitor !== now?.conversation?.visitor;
            const more = state.desk.canned !== now?.desk.canned;

            now = state;

            /* They may come after what finds them was typed. */
            if (more && document.activeElement === input) {
                canned.look();
            }

            /* What one agent has chosen is not another's. */
            if (state.agent && state.agent.id !== author) {
                author = state.agent.id;
                shown = '';
                chosen.forEach(({ slot }) => slot.remove());
                chosen.clear();
                composer.set('');
            }

            if (selected !== shown) {
                const draft = keeper.draft(selected);

                typing.stop();
                canned.close();
                shown = selected;
                internal.checked = draft.note;
                chosen.forEach(({ slot }, id) =>
                    attr(slot, 'hidden', id !== selected));
                mode();
                composer.set(draft.text);

                if (keeper.own(`files:${selected}`)) {
                    use(() => {});
                }
            } else if (other) {
                mode();
            }
        },
    };
}
