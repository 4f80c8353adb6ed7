/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, text } from './kernel.js';
import { problemText } from './i18n.js';


/**
 * The sign-in form.
 *
 * @param {I18n} i18n
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
            text(problem, code === null ? ''
                          : i18n.has(`signin.${code}`) ? t(`signin.${code}`)
                          : problemText(i18n, code));
        },
    };
}
