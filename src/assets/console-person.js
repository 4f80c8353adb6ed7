/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, text } from './kernel.js';
import { plainName } from './i18n.js';

/*
 * The form in which agents change what is known of a customer.
 */

const NAME = /^[A-Za-z][\w.-]{0,31}$/;


/**
 * A control with its label, and room for what is wrong with it.
 *
 * @param {string} id
 * @param {Node | string} label
 * @param {HTMLElement} control
 */
export function field(id, label, control) {
    const note = h('p', { class: 'problem', id: `${id}-bad`,
                          role: 'alert' });

    attr(control, 'id', id);

    return h('div', { class: 'field' }, h('label', { for: id }, label),
             control, note);
}


/**
 * Says what is wrong with a control of a form, and goes there.
 *
 * @param {HTMLFormElement} form
 * @param {string} name of the control, or of the group of such
 * @param {string} says
 */
export function refuse(form, name, says) {
    const control = /** @type {HTMLElement} */ (
        form.elements.namedItem(name));
    const inside = [...control.querySelectorAll('input')];
    const at = inside.find((it) => it.name === 'new' && !NAME.test(it.value))
               || inside[0] || control;
    const note = /** @type {HTMLElement} */ (
        form.querySelector(`#${control.id}-bad`));

    text(note, says);
    attr(at, 'aria-invalid', 'true');
    attr(at, 'aria-describedby', note.id);
    at.focus();
}


/** @param {HTMLFormElement} form */
export function clear(form) {
    form.querySelectorAll('.problem').forEach((note) => text(note, ''));
    form.querySelectorAll('[aria-invalid]').forEach((control) => {
        control.removeAttribute('aria-invalid');
        control.removeAttribute('aria-describedby');
    });
}


/**
 * The fields for a customer as he is known.  Whom the site has identified
 * keeps the site's word.
 *
 * @param {Wording} i18n
 * @param {Customer} customer
 */
export function createPerson({ t }, { name, email, verified, claimed,
                                      attributes = {} })
{
    const sites = verified && claimed || [];
    /** @type {Map<string, HTMLInputElement>} */
    const known = new Map();
    /** @type {Set<[HTMLInputElement, HTMLInputElement]>} */
    const added = new Set();
    const first = h('input', { name: 'name', dir: 'auto', maxlength: 100,
                               autocomplete: 'off',
                               readonly: Boolean(verified) });
    const second = h('input', { name: 'email', type: 'email', dir: 'ltr',
                                autocomplete: 'off',
                                readonly: Boolean(verified) });
    const rows = h('div', { class: 'pairs' });
    const more = h('button', { type: 'button', onclick: add },
                   t('customer.add'));
    const group = h('fieldset', { class: 'labels', name: 'attributes',
                                  id: 'customer-attributes' },
                    h('legend', {}, t('customer.attributes')), rows, more,
                    h('p', { class: 'problem', role: 'alert',
                             id: 'customer-attributes-bad' }));

    first.value = name || '';
    second.value = email || '';
    Object.entries(attributes).forEach(had);

    /**
     * @param {[string, unknown]} attribute
     * @param {number} i
     */
    function had([key, value], i) {
        const mine = !sites.includes(key);
        const control = input('value', String(value));

        attr(control, 'readonly', !mine);
        attr(control, 'id', `customer-${i}`);
        known.set(key, control);
        row(h('label', { for: control.id }, h('bdi', {}, plainName(key))),
            control, mine && less(key, () => known.delete(key)));
    }

    function add() {
        const [key, value] = [input('new', ''), input('value', '')];
        /** @type {[HTMLInputElement, HTMLInputElement]} */
        const pair = [key, value];

        attr(key, 'aria-label', t('customer.attribute'));
        attr(key, 'placeholder', t('customer.attribute'));
        attr(key, 'dir', 'ltr');
        attr(value, 'aria-label', t('customer.value'));
        attr(value, 'placeholder', t('customer.value'));
        added.add(pair);
        row(key, value, less('', () => added.delete(pair)));
        key.focus();
    }

    /**
     * @param {string} kind
     * @param {string} value
     */
    function input(kind, value) {
        const control = h('input', { name: kind, dir: 'auto', maxlength: 500,
                                     autocomplete: 'off' });

        control.value = value;

        return control;
    }

    /**
     * @param {string} key
     * @param {() => void} act
     */
    function less(key, act) {
        const button = h('button', { type: 'button', onclick() {
            act();
            button.parentElement?.remove();
            more.focus();
        }, 'aria-label': t('customer.less', { name: key }) }, '×');

        return button;
    }

    /**
     * @param {Node} label
     * @param {Node} control
     * @param {Node | false} button
     */
    function row(label, control, button) {
        rows.append(h('div', {}, label, control, button || ''));
    }

    return {
        content: [
            ...verified ? [h('p', {}, t('customer.sites'))] : [],
            field('customer-name', t('side.name'), first),
            field('customer-email', t('side.email'), second),
            group,
        ],

        /**
         * What has been changed, or nothing; twice is what has been added
         * under a name that there is.
         *
         * @returns {{body?: Record<string, any>, twice?: boolean}}
         */
        changed() {
            const [wanted, address] = [first.value.trim(),
                                       second.value.trim()];
            /** @type {[string, unknown][]} */
            const all = [];
            const names = [...added].map(([key]) => key.value.trim());

            for (const [key, value] of Object.entries(attributes)) {
                const text = known.get(key)?.value.trim() || '';

                if (text !== String(value)) {
                    all.push([key, text === '' ? null
                                   : typed(value, text)]);
                }
            }

            for (const [key, value] of added) {
                if (key.value.trim() || value.value.trim()) {
                    all.push([key.value.trim(), value.value.trim()]);
                }
            }

            if (names.some((it, i) => it && (known.has(it)
                                             || names.indexOf(it) !== i)))
            {
                return { twice: true };
            }

            const body = {
                ...wanted && wanted !== name && { name: wanted },
                ...address && address !== email && { email: address },
                ...all.length && { attributes: Object.fromEntries(all) },
            };

            return Object.keys(body).length ? { body } : {};
        },
    };
}


/**
 * Text as what was there before: a number stays one.
 *
 * @param {unknown} before
 * @param {string} now
 */
function typed(before, now) {
    return typeof before === 'number' && Number.isFinite(Number(now))
           ? Number(now)
           : typeof before === 'boolean' && /^(true|false)$/.test(now)
           ? now === 'true' : now;
}
