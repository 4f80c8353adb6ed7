/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, text } from './kernel.js';
import { problemText } from './i18n.js';

const SHORTEST = 12;


/**
 * The sign-in form.
 *
 * @param {Wording} i18n
 * @param {(email: string, password: string) => void} onsubmit
 */
export function createSignin(i18n, onsubmit) {
    const { t } = i18n;
    const email = h('input', { id: 'email', name: 'email', type: 'email',
                               autocomplete: 'username', required: true });
    const password = h('input', { id: 'password', name: 'password',
                                  type: 'password', required: true,
                                  autocomplete: 'current-password' });
    const problem = h('p', { class: 'problem', role: 'alert' });
    const button = h('button', { type: 'submit', class: 'primary' },
                     t('signin.submit'));
    const form = h('form', { class: 'signin', method: 'post' },
                   h('h1', {}, t('signin.title')),
                   h('label', { for: 'email' }, t('signin.email')), email,
                   h('label', { for: 'password' }, t('signin.password')),
                   password, problem, button);
    const element = h('main', { class: 'door' }, form);

    form.addEventListener('submit', (event) => {
        event.preventDefault();
        onsubmit(email.value, password.value);
    });

    return {
        element,
        focus: () => (email.value ? password : email).focus(),

        /** The password does not stay in the page. */
        forget() {
            password.value = '';
        },

        /** @param {import('./console-state.js').ConsoleState} state */
        update(state) {
            const { busy, problem: code } = state.signin;

            text(button, t(busy ? 'signin.busy' : 'signin.submit'));
            attr(button, 'aria-disabled', busy ? 'true' : null);
            text(problem, said(i18n, code));
        },
    };
}


/**
 * The page that a set-up link leads to.  That of the first administrator asks
 * for a name and an address, that of an invitation may leave both out.
 *
 * @param {Wording} i18n
 * @param {(answers: {password: string, name?: string, email?: string})
 *     => void} onsubmit
 * @param {() => void} oncancel
 */
export function createSetup(i18n, onsubmit, oncancel) {
    const { t } = i18n;
    const name = h('input', { id: 'setup-name', autocomplete: 'name',
                              maxlength: 100 });
    const email = h('input', { id: 'setup-email', type: 'email',
                               autocomplete: 'username' });
    const password = h('input', { id: 'setup-password', type: 'password',
                                  required: true, minlength: SHORTEST,
                                  autocomplete: 'new-password',
                                  'aria-describedby': 'setup-hint' });
    const problem = h('p', { class: 'problem', role: 'alert' });
    const button = h('button', { type: 'submit', class: 'primary' },
                     t('setup.submit'));
    const form = h('form', { class: 'signin', method: 'post' },
                   h('h1', {}, t('setup.title')),
                   h('p', {}, t('setup.intro')),
                   h('label', { for: 'setup-name' }, t('setup.name')), name,
                   h('label', { for: 'setup-email' }, t('setup.email')),
                   email,
                   h('label', { for: 'setup-password' }, t('setup.password')),
                   password,
                   h('p', { class: 'hint', id: 'setup-hint' },
                     t('setup.hint', { count: SHORTEST })),
                   problem, button,
                   h('button', { type: 'button', onclick: oncancel },
                     t('setup.cancel')));

    form.addEventListener('submit', (event) => {
        event.preventDefault();
        onsubmit({ password: password.value,
                   ...name.value.trim() && { name: name.value.trim() },
                   ...email.value.trim() && { email: email.value.trim() } });
    });

    return {
        element: h('main', { class: 'door' }, form),
        focus: () => name.focus(),

        forget() {
            password.value = '';
        },

        /** @param {import('./console-state.js').ConsoleState} state */
        update(state) {
            const { busy, problem: code } = state.signin;

            attr(button, 'aria-disabled', busy ? 'true' : null);
            text(problem, said(i18n, code));
        },
    };
}


/**
 * @param {Wording} i18n
 * @param {string | null} code
 */
function said(i18n, code) {
    return code === null ? ''
           : i18n.has(`signin.${code}`) ? i18n.t(`signin.${code}`)
           : problemText(i18n, code);
}
