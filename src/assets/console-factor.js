/* Copyright (C) the ngx_http_chat_module authors */

import { asProblem } from './api.js';
import { attr, h, keyed, text } from './kernel.js';
import { problemText } from './i18n.js';

/*
 * The second factor of the agent who is signed in: begun by a secret that an
 * authenticator takes, confirmed by a code of it, ended by the password.  The
 * recovery codes are told once.
 */


/**
 * @param {Wording} i18n
 * @param {Api} api
 */
export function createFactor(i18n, api) {
    const { t } = i18n;
    const state = h('p', {});
    const status = h('p', { class: 'said', role: 'status' });
    const bad = h('p', { class: 'problem', role: 'alert' });
    const start = h('button', { type: 'button', hidden: true,
                                onclick: begin }, t('factor.begin'));
    const secret = h('input', { id: 'factor-secret', readonly: true,
                                dir: 'ltr',
                                onfocus: () => secret.select() });
    const link = h('a', { dir: 'ltr' });
    const code = h('input', { id: 'factor-code', dir: 'ltr', required: true,
                              autocomplete: 'one-time-code',
                              inputmode: 'numeric', maxlength: 8 });
    const enrol = h('form', { class: 'record', hidden: true },
                    h('p', {}, t('factor.intro')),
                    field('factor-secret', 'factor.secret', secret),
                    h('p', { class: 'hint' }, t('factor.link'), ' ', link),
                    field('factor-code', 'factor.code', code),
                    h('div', { class: 'actions' },
                      h('button', { type: 'submit', class: 'go' },
                        t('factor.confirm')),
                      h('button', { type: 'button', onclick: cancel },
                        t('records.cancel'))));
    const list = h('ul', { class: 'codes', dir: 'ltr' });
    const copy = h('button', { type: 'button', onclick: copied },
                   t('factor.copy'));
    const codes = h('div', { class: 'part', hidden: true },
                    h('p', {}, t('factor.codes')), list,
                    h('div', { class: 'actions' }, copy,
                      h('button', { type: 'button', onclick: kept },
                        t('factor.kept'))));
    const password = h('input', { id: 'factor-password', type: 'password',
                                  required: true,
                                  autocomplete: 'current-password' });
    const leave = h('form', { class: 'record', hidden: true },
                    field('factor-password', 'factor.password', password),
                    h('div', { class: 'actions' },
                      h('button', { type: 'submit' }, t('factor.end'))));
    /** @type {string[]} */
    let told = [];

    enrol.addEventListener('submit', (event) => {
        event.preventDefault();
        attempt(confirm, 422, 'factor.wrong', code);
    });

    leave.addEventListener('submit', (event) => {
        event.preventDefault();
        attempt(end, 403, 'factor.refused', password);
    });

    load();

    return { element: h('div', { class: 'factor' }, state, start, enrol, codes,
                        leave, status, bad) };

    /**
     * @param {string} id
     * @param {string} label
     * @param {HTMLElement} control
     */
    function field(id, label, control) {
        return h('div', { class: 'field' },
                 h('label', { for: id }, t(label)), control);
    }

    /** @param {boolean} on */
    function show(on) {
        text(state, t(on ? 'factor.on' : 'factor.off'));
        attr(start, 'hidden', on);
        attr(leave, 'hidden', !on);
        attr(enrol, 'hidden', true);
        secret.value = code.value = password.value = '';
        link.replaceChildren();
        link.removeAttribute('href');
    }

    async function load() {
        try {
            const { agent } = await api.call('GET', 'agent/session');

            show(agent.totp === true);
        } catch (error) {
            text(bad, problemText(i18n, asProblem(error).code));
        }
    }

    /**
     * @param {() => Promise<void>} act
     * @param {number} [refusal] the status of a value that is wrong
     * @param {string} [why] the text for it
     * @param {HTMLInputElement} [control] what has the value
     */
    async function attempt(act, refusal, why = '', control = undefined) {
        text(bad, '');
        text(status, '');

        try {
            await act();
        } catch (error) {
            const { status: number, code: known } = asProblem(error);

            text(bad, number === refusal ? t(why)
                      : problemText(i18n, known));
            control?.select();

            /* Another page has done it. */
            if (number === 409 || number === 404) {
                load();
            }
        }
    }

    function begin() {
        return attempt(async () => {
            const made = await api.call('POST', 'agent/totp');

            secret.value = made.secret;

            /* Nothing but an authenticator is to open it. */
            if (/^otpauth:\/\/totp\//.test(made.uri)) {
                attr(link, 'href', made.uri);
            }

            text(link, made.uri);
            attr(start, 'hidden', true);
            attr(enrol, 'hidden', false);
            secret.focus();
        });
    }

    async function confirm() {
        const { recovery_codes: made } = await api.call(
            'POST', 'agent/totp/confirm',
            { body: { code: code.value.replace(/\s/g, '') } });

        told = made;
        show(true);
        draw();
        attr(codes, 'hidden', false);
        attr(leave, 'hidden', true);
        copy.focus();
    }

    async function end() {
        await api.call('DELETE', 'agent/totp',
                       { body: { password: password.value } });
        show(false);
        text(status, t('records.done'));
        start.focus();
    }

    async function copied() {
        try {
            await navigator.clipboard.writeText(told.join('\n'));
            text(status, t('factor.copied'));
        } catch {
            /* By hand, then. */
            getSelection()?.selectAllChildren(list);
            text(status, t('factor.selected'));
        }
    }

    function draw() {
        keyed(list, told, (it) => it,
              (it) => h('li', {}, h('code', {}, it)), () => {});
    }

    /** They are not to be had again. */
    function kept() {
        told = [];
        draw();
        attr(codes, 'hidden', true);
        text(status, '');
        show(true);
        password.focus();
    }

    function cancel() {
        show(false);
        start.focus();
    }
}
