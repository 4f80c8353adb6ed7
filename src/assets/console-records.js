/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, keyed, text } from './kernel.js';
import { asProblem } from './api.js';
import { plainName, problemText } from './i18n.js';

/*
 * A page of the settings that is a list, whose entries are added, changed
 * and removed in a dialog.
 */


/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {'text' | 'email' | 'number' | 'long' | 'color' | 'one' | 'many'
 *     | 'yes'} type
 * @property {any} [value]
 * @property {[string, string][]} [options] of one or many
 * @property {boolean} [required]
 * @property {string} [hint]
 * @property {number} [least] of a number
 * @property {number} [most]
 * @property {string} [dir] of text
 */

/**
 * @template T
 * @typedef {object} Records
 * @property {(state: import('./console-state.js').ConsoleState) => T[]} items
 * @property {(item: T) => string} key
 * @property {(item: T) => {title: string, facts: string[]}} row
 * @property {(item: T | null) => Field[]} fields
 * @property {(values: Record<string, any>) => Promise<any>} [add]
 * @property {(item: T, values: Record<string, any>) => Promise<any>} [change]
 * @property {(item: T) => Promise<any>} [remove]
 * @property {(item: T) => [string, () => Promise<any>][]} [more] further
 *     things to do with an entry, by their names
 * @property {() => Promise<any>} done after every change
 */


/**
 * @template T
 * @param {Wording} i18n
 * @param {Records<T>} options
 */
export function createRecords(i18n, options) {
    const { t } = i18n;
    const { add, change, remove } = options;
    const list = h('ul', { class: 'records' });
    const empty = h('p', { class: 'empty' }, t('records.none'));
    const status = h('p', { class: 'said', role: 'status' });
    const dialog = h('dialog', { class: 'help', 'aria-labelledby':
                                 'record-heading' });
    const element = h('div', {},
                      ...add ? [h('button', { type: 'button',
                                              onclick: () => edit(null) },
                                  t('records.add'))] : [],
                      status, list, empty, dialog);

    /**
     * @param {T} item
     */
    function create(item) {
        const key = options.key(item);
        const now = () => /** @type {T} */ (current.get(key));

        return h('li', {},
                 h('p', {}, h('bdi', { class: 'name' }),
                   h('span', { class: 'facts' })),
                 h('div', { class: 'actions' },
                   ...change ? [h('button', { type: 'button', class: 'edit',
                                              onclick: () => edit(now()) },
                                  t('records.change'))] : [],
                   ...(options.more?.(item) || []).map(([name, act]) =>
                       h('button', { type: 'button', onclick: () =>
                                     attempt(act, () => {}) }, name)),
                   ...remove ? [h('button', { type: 'button',
                                              onclick: () => ask(now()) },
                                  t('records.remove'))] : []));
    }

    /** @type {Map<string, T>} */
    const current = new Map();

    /**
     * @param {() => Promise<any>} act
     * @param {(problem: string) => void} failed
     */
    async function attempt(act, failed) {
        try {
            const said = await act();

            text(status, typeof said === 'string' ? said
                         : t('records.done'));
            await options.done();

            return true;
        } catch (error) {
            const problem = fieldProblem(i18n, asProblem(error));

            text(status, problem);
            failed(problem);

            return false;
        }
    }

    /**
     * @param {string} title
     * @param {Node[]} content
     * @param {string} submit
     * @param {() => Promise<any>} act
     */
    function open(title, content, submit, act) {
        const bad = h('p', { class: 'problem', role: 'alert' });
        const form = h('form', { class: 'record', method: 'dialog' },
                       h('h2', { id: 'record-heading' }, title), ...content,
                       bad,
                       h('div', { class: 'actions' },
                         h('button', { type: 'submit', class: 'go' },
                           submit),
                         h('button', { type: 'button',
                                       onclick: () => dialog.close() },
                           t('records.cancel'))));

        form.addEventListener('submit', async (event) => {
            event.preventDefault();
            text(bad, '');

            if (await attempt(act, (problem) => text(bad, problem))) {
                dialog.close();

                /* What was removed cannot have the focus back. */
                if (!element.contains(document.activeElement)) {
                    element.querySelector('button')?.focus();
                }
            }
        });
        dialog.replaceChildren(form);
        dialog.showModal();
    }

    /** @param {T | null} item */
    function edit(item) {
        const made = options.fields(item).map(
            (field) => createField(field));

        open(t(item ? 'records.change' : 'records.add'),
             made.map(({ element: node }) => node), t('records.save'), () => {
                 const values = Object.fromEntries(made.map(
                     ({ name, value }) => [name, value()]));

                 return item && change ? change(item, values)
                        : add ? add(values) : Promise.resolve();
             });
    }

    /** @param {T} item */
    function ask(item) {
        open(t('records.sure', { name: options.row(item).title }), [],
             t('records.remove'),
             () => remove ? remove(item) : Promise.resolve());
    }

    return {
        element,

        /** @param {string} said */
        say: (said) => text(status, said),

        /** @param {import('./console-state.js').ConsoleState} state */
        update(state) {
            const items = options.items(state);

            current.clear();
            items.forEach((item) => current.set(options.key(item), item));
            attr(empty, 'hidden', items.length > 0);
            keyed(list, items, options.key, create, (node, item) => {
                const { title, facts } = options.row(item);
                const [name, more] = node.children[0].children;

                text(name, plainName(title));
                text(more, facts.filter(Boolean).join(' · '));
            });
        },
    };
}


/**
 * What is wrong with a field, else with all of it.
 *
 * @param {Wording} i18n
 * @param {ReturnType<typeof asProblem>} problem
 */
export function fieldProblem(i18n, { code, body }) {
    const key = `records.field.${body.field}`;

    return body.field && i18n.has(key) ? i18n.t(key)
           : body.field ? i18n.t('records.field', { name: body.field })
           : problemText(i18n, code);
}


/** @param {Field} field */
export function createField({ name, label, type, value, options = [], required,
                       hint, least = 0, most = 1000, dir = 'auto' })
{
    const id = `record-${name}`;

    if (type === 'many') {
        const boxes = options.map(([key, words]) => {
            const box = h('input', { type: 'checkbox', value: key });

            box.checked = (value || []).includes(key);

            return { box, node: h('label', { class: 'choice' }, box,
                                  h('bdi', {}, plainName(words))) };
        });

        return {
            name,
            element: h('fieldset', { class: 'labels' }, h('legend', {}, label),
                       ...boxes.map(({ node }) => node)),
            value: () => boxes.filter(({ box }) => box.checked)
                              .map(({ box }) => box.value),
        };
    }

    const told = hint ? { 'aria-describedby': `${id}-hint` } : {};
    const control = type === 'long'
        ? h('textarea', { id, rows: 5, dir, required, ...told })
        : type === 'one'
        ? h('select', { id, ...told }, ...options.map(
              ([key, words]) => h('option', { value: key },
                                  plainName(words))))
        : h('input', { id, required, ...told,
                       type: type === 'yes' ? 'checkbox' : type,
                       ...type === 'number' && { min: least, max: most },
                       ...type === 'text' && { dir } });

    if (control instanceof HTMLInputElement && type === 'yes') {
        control.checked = value === true;
    } else {
        control.value = String(value ?? '');
    }

    return {
        name,
        element: h('div', { class: 'field' },
                   h('label', { for: id }, label), control,
                   ...hint ? [h('p', { class: 'hint', id: `${id}-hint` },
                                hint)] : []),
        value() {
            return type === 'yes'
                   ? /** @type {HTMLInputElement} */ (control).checked
                   : type === 'number'
                   ? control.value === '' ? null : Number(control.value)
                   : control.value.trim();
        },
    };
}
