/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, text } from './kernel.js';
import { problemText } from './i18n.js';

const SHORTEST = 12;


/**
 * The sign-in form.  It asks for the code of a second factor when the server
 * does; where the server has known somebody without a password, it offers
 * that.
 *
 * @param {Wording} i18n
 * @param {object} session
 * @param {(email: string, password: string, code: string) => void}
 *     session.signIn
 * @param {() => void} session.identify
 * @param {() => boolean} session.knows
 */
export function createSignin(i18n, { signIn, identify, knows }) {
    const { t } = i18n;
    /** @type {unknown} what was last said */
    let drawn = null;
    const email = h('input', { id: 'email', name: 'email', type: 'email',
                               autocomplete: 'username', required: true });
    const password = h('input', { id: 'password', name: 'password',
                                  type: 'password', required: true,
                                  autocomplete: 'current-password' });
    const code = h('input', { id: 'code', name: 'code', dir: 'ltr',
                              autocomplete: 'one-time-code', maxlength: 32,
                              spellcheck: 'false', autocapitalize: 'none',
                              'aria-describedby': 'code-hint' });
    const second = h('div', { class: 'second', hidden: true },
                     h('label', { for: 'code' }, t('signin.second')), code,
                     h('p', { class: 'hint', id: 'code-hint' },
                       t('signin.recovery')));
    const known = h('button', { type: 'button', hidden: true,
                                onclick: identify }, t('signin.known'));
    const problem = h('p', { class: 'problem', role: 'alert' });
    const button = h('button', { type: 'submit', class: 'primary' },
                     t('signin.submit'));
    const form = h('form', { class: 'signin', method: 'post' },
                   h('h1', {}, t('signin.title')),
                   h('label', { for: 'email' }, t('signin.email')), email,
                   h('label', { for: 'password' }, t('signin.password')),
                   password, second, problem, button, known);
    const element = h('main', { class: 'door' }, form);

    form.addEventListener('submit', (event) => {
        event.preventDefault();
        signIn(email.value, password.value,
               second.hidden ? '' : code.value.trim());
    });

    return {
        element,
        focus: () => (email.value ? password : email).focus(),

        /** The password does not stay in the page. */
        forget() {
            password.value = code.value = '';
        },

        /** @param {import('./console-state.js').ConsoleState} state */
        update({ signin, phase }) {
            const { busy, problem: why, factor } = signin;
            const asked = factor && second.hidden;
            const news = signin !== drawn;

            drawn = signin;

            text(button, t(busy ? 'signin.busy' : 'signin.submit'));
            attr(button, 'aria-disabled', busy ? 'true' : null);
            text(problem, said(i18n, why));
            attr(second, 'hidden', !factor);
            attr(known, 'hidden', !knows());
            code.required = factor;

            /* A code is of use once. */
            if (phase === 'signin' && news && (asked || why === 'code')) {
                code.value = '';
                code.focus();
            }
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
