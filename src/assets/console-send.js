/* Copyright (C) the ngx_http_chat_module authors */

/*
 * A card is made: a poll, a rating or a form that the visitor answers in the
 * widget.  It is loaded with the first one, and borrows what the page has
 * loaded already.  What was not sent is there when the dialog opens again.
 */

const MOST = 10;
/* bytes of UTF-8 */
const LINE = 400;
const TEXT = 16384;

const KINDS = ['choices', 'rating', 'form'];
const TYPES = ['text', 'email', 'tel', 'long'];

/**
 * @typedef {{label: string, type: string, required: boolean}} Asks
 * @typedef {{kind: string, text: string, options: string[],
 *            multiple: boolean, comment: boolean, fields: Asks[],
 *            submit: string, once: boolean}} Draft
 * @typedef {{input: HTMLInputElement | HTMLTextAreaElement,
 *            bad: HTMLElement, node: HTMLElement}} Line
 */


/** @returns {Draft} */
function blank() {
    return { kind: 'choices', text: '', options: ['', ''], multiple: false,
             comment: true, fields: [asks()], submit: '', once: false };
}


/** @returns {Asks} */
function asks() {
    return { label: '', type: 'text', required: false };
}


/**
 * The card of a draft, from the lines that are filled in.
 *
 * @param {Draft} draft
 * @returns {Card}
 */
export function cardOf({ kind, options, multiple, comment, fields, submit,
                         once })
{
    const card = { type: kind, ...once && { once } };

    switch (kind) {

    case 'choices':
        return { ...card, ...multiple && { multiple },
                 options: options.map(line).filter(Boolean).map(
                     (text, i) => ({ id: String(i + 1), text })) };

    case 'form':
        return { ...card, ...line(submit) && { submit: line(submit) },
                 fields: named(fields.map((it) => ({
                     ...it, label: line(it.label) }))
                     .filter(({ label }) => label)) };

    default:
        return { ...card, ...!comment && { comment } };
    }
}


/**
 * What a card was made of, for it to be made again.
 *
 * @param {string} text
 * @param {Card} card
 * @returns {Draft}
 */
export function draftOf(text, { type, options, fields, ...more }) {
    return { ...blank(), ...more, kind: type, text,
             ...options && { options: options.map((it) => it.text) },
             ...fields && { fields: fields.map((it) => ({
                 ...asks(), ...it, label: String(it.label) })) } };
}


/** @param {string} value */
function line(value) {
    return value.replace(/\p{Cc}+/gu, ' ').trim();
}


/**
 * Fields with names for programs, from their labels where these have some.
 *
 * @param {Asks[]} fields
 * @returns {Field[]}
 */
function named(fields) {
    /** @type {Set<string>} */
    const names = new Set();

    return fields.map(({ label, type, required }, i) => {
        const word = label.toLowerCase().replace(/[^a-z0-9]+/g, '-')
                          .replace(/^-|-$/g, '').slice(0, 32);
        const name = word && !names.has(word) ? word : `field-${i + 1}`;

        names.add(name);

        return { name, label, required,
                 type: /** @type {Field['type']} */ (type) };
    });
}


/**
 * @param {typeof import('./kernel.js') & {
 *     i18n: Wording,
 *     problemText: typeof import('./i18n.js').problemText,
 *     keeper: ReturnType<typeof
 *         import('./console-drafts.js').createKeeper>,
 *     send: (text: string, card: Card) => void}} lent
 */
export function createSend({ attr, h, text, i18n, problemText, keeper,
                             send })
{
    const { t } = i18n;
    const utf8 = new TextEncoder();
    let draft = blank();
    let place = '';
    /** @type {Line[]} the options, or the labels */
    let lines = [];

    const whom = h('p', { class: 'facts' });
    const kind = select('card-kind', KINDS.map(
        (it) => [it, t(`card.kind.${it}`)]), (value) => {
        draft.kind = value;
        draw();
    });
    const question = field('card-text', t('site.ask.label'),
                           h('textarea', { rows: 2 }), (value) => {
        draft.text = value;
    });
    const parts = h('div', { class: 'asks' });
    const add = h('button', { type: 'button', onclick: more });
    const rest = h('div', { class: 'asks' });
    const bad = h('p', { class: 'problem', role: 'alert' });
    const form = h('form', { class: 'record', novalidate: true,
                             onsubmit: go },
                   h('h2', { id: 'card-title' }, t('card.title')), whom,
                   labelled(kind, t('site.ask.type')), question.node, parts,
                   add, rest, bad,
                   h('div', { class: 'actions' },
                     h('button', { type: 'submit', class: 'go' },
                       t('card.title')),
                     h('button', { type: 'button',
                                   onclick: () => element.close() },
                       t('records.cancel'))));
    const element = h('dialog', { class: 'help',
                                  'aria-labelledby': 'card-title' }, form);

    element.addEventListener('close', () => element.remove());

    /* Enter goes on to the next line, and does not send. */
    parts.addEventListener('keydown', (event) => {
        const at = lines.findIndex(({ input }) => input === event.target);

        if (event.key === 'Enter' && !event.isComposing && at >= 0) {
            event.preventDefault();

            if (at + 1 < list().length) {
                lines[at + 1].input.focus();
            } else {
                more();
            }
        }
    });

    function keep() {
        keeper.keepOwn(place, JSON.stringify(draft));
    }

    /**
     * @param {HTMLElement} control
     * @param {string} label
     */
    function labelled(control, label) {
        return h('div', { class: 'field' },
                 h('label', { for: control.id }, label), control);
    }

    /**
     * @param {string} id
     * @param {string[][]} options
     * @param {(value: string) => void} change
     */
    function select(id, options, change) {
        const node = h('select', { id, onchange() {
            change(node.value);
            keep();
        } }, ...options.map(([value, name]) => h('option', { value },
                                                 name)));

        return node;
    }

    /**
     * @param {string} id
     * @param {string} label
     * @param {HTMLInputElement | HTMLTextAreaElement} input
     * @param {(value: string) => void} change
     * @returns {Line}
     */
    function field(id, label, input, change) {
        const wrong = h('p', { class: 'problem', id: `${id}-bad` });

        attr(input, 'id', id);
        attr(input, 'dir', 'auto');
        attr(input, 'autocomplete', 'off');

        const it = { input, bad: wrong, node: labelled(input, label) };

        it.node.append(wrong);
        input.addEventListener('input', () => {
            change(input.value);
            say(it, '');
            keep();
        });

        return it;
    }

    /**
     * @param {Line} it
     * @param {string} wrong
     */
    function say({ input, bad: node }, wrong) {
        text(node, wrong);
        attr(input, 'aria-invalid', wrong ? 'true' : null);
        attr(input, 'aria-describedby', wrong ? node.id : null);
    }

    /**
     * @param {string} label
     * @param {'multiple' | 'comment' | 'once'} name
     */
    function box(label, name) {
        return ticked(label, draft[name], (on) => {
            draft[name] = on;
        });
    }

    /**
     * @param {string} label
     * @param {boolean} on
     * @param {(on: boolean) => void} change
     */
    function ticked(label, on, change) {
        const node = h('input', { type: 'checkbox', onchange() {
            change(node.checked);
            keep();
        } });

        node.checked = on;

        return h('label', { class: 'choice' }, node, label);
    }

    /** What can be added to, and taken away from. */
    function list() {
        return /** @type {(string | Asks)[]} */ (
            draft.kind === 'choices' ? draft.options
            : draft.kind === 'form' ? draft.fields : []);
    }

    function more() {
        if (list().length < MOST) {
            list().push(draft.kind === 'form' ? asks() : '');
            keep();
            draw();
            lines[lines.length - 1].input.focus();
        }
    }

    /** @param {number} i */
    function less(i) {
        list().splice(i, 1);
        keep();
        draw();
        lines[Math.max(0, i - 1)].input.focus();
    }

    /**
     * A line of a poll, or of a form.
     *
     * @param {string | Asks} it
     * @param {number} i
     */
    function row(it, i) {
        const label = t(typeof it === 'string' ? 'card.option'
                                               : 'card.field', { n: i + 1 });
        const made = field(`card-${i}`, label, h('input', {}), (value) => {
            if (typeof it === 'string') {
                draft.options[i] = value;
            } else {
                it.label = value;
            }
        });
        const remove = h('button', { type: 'button', onclick: () => less(i),
                                     'aria-label':
                                     `${t('records.remove')} ${label}` },
                         t('records.remove'));

        made.input.value = typeof it === 'string' ? it : it.label;
        attr(remove, 'hidden', list().length <= least());
        lines.push(made);

        return h('div', { class: 'ask' }, made.node,
                 ...typeof it === 'string' ? [] : kindOf(it, i), remove);
    }

    /**
     * @param {Asks} it
     * @param {number} i
     */
    function kindOf(it, i) {
        const type = select(`card-type-${i}`, TYPES.map(
            (name) => [name, t(`site.ask.${name}`)]), (value) => {
            it.type = value;
        });

        type.value = it.type;

        return [labelled(type, t('site.ask.type')),
                ticked(t('site.ask.required'), it.required, (on) => {
                    it.required = on;
                })];
    }

    function least() {
        return draft.kind === 'choices' ? 2 : 1;
    }

    function draw() {
        const items = list();
        const submit = field('card-submit', t('card.submit'),
                             h('input', {}), (value) => {
            draft.submit = value;
        });

        lines = [];
        kind.value = draft.kind;
        question.input.value = draft.text;
        submit.input.value = draft.submit;
        parts.replaceChildren(...items.map(row));
        text(add, t(draft.kind === 'form' ? 'site.ask' : 'card.add'));
        attr(add, 'hidden', !items.length || items.length >= MOST);
        rest.replaceChildren(
            ...draft.kind === 'choices' ? [box(t('card.multiple'),
                                               'multiple')]
            : draft.kind === 'form' ? [submit.node]
            : [h('p', { class: 'hint' }, t('card.scale')),
               box(t('card.comment'), 'comment')],
            box(t('card.once'), 'once'));

        if (draft.kind === 'form') {
            lines.push(submit);
        }

        [question, ...lines].forEach((it) => say(it, ''));
        text(bad, '');
    }

    /**
     * Says what is missing or too long, as the server would.
     *
     * @returns {boolean}
     */
    function right() {
        const filled = list().filter((it) => line(
            typeof it === 'string' ? it : it.label)).length;

        [question, ...lines].forEach((it) => {
            const value = line(it.input.value);
            const needed = it === question
                           || it.input.id !== 'card-submit'
                              && filled < least();
            const most = it === question ? TEXT : LINE;

            say(it, value === '' ? needed ? t('card.need') : ''
                    : utf8.encode(value).length > most ? t('card.long')
                    : '');
        });

        return toWrong();
    }

    /** To the first line that is wrong; whether there is none. */
    function toWrong() {
        const wrong = [question, ...lines].find(
            ({ input }) => input.hasAttribute('aria-invalid'));

        wrong?.input.focus();

        return !wrong;
    }

    /** @param {Event} event */
    function go(event) {
        event.preventDefault();

        if (right()) {
            keeper.keepOwn(place, '');
            element.close();
            send(draft.text.trim(), cardOf(draft));
        }
    }

    /** What was begun, if that can be read. */
    function kept() {
        try {
            return { ...blank(), ...JSON.parse(keeper.own(place)) };
        } catch {
            return blank();
        }
    }

    return {
        /**
         * @param {string} id of the conversation
         * @param {string} who sees it
         * @param {{text: string, card?: Card, code: string,
         *          field?: string}} [refused] what the server did not take
         * @returns {boolean} whether it is open now, with that
         */
        open(id, who, refused) {
            if (element.open) {
                return false;
            }

            place = `card:${id}`;
            draft = refused?.card ? draftOf(refused.text, refused.card)
                                  : kept();
            text(whom, who);
            draw();
            document.body.append(element);
            element.showModal();
            question.input.focus();

            if (refused) {
                const said = problemText(i18n, refused.code);

                keep();

                if (refused.field === 'card') {
                    text(bad, said);
                } else {
                    say(question, said);
                    toWrong();
                }
            }

            return true;
        },
    };
}
