/* Copyright (C) the ngx_http_chat_module authors */

import { createFields, createForm, wordsOf } from './widget-card.js';

/*
 * What is asked before a chat, what has to be agreed to, and where to answer
 * while nobody is there.  Nobody is asked twice, and whom the site has
 * identified is asked for nothing but consent.
 */


/** @param {import('./widget-view.js').Lent} lent */
export async function ask(lent) {
    const words = await wordsOf(lent);

    lent.asked = lent.asked || createAsk(lent, words);
    lent.asked.update();
}


/**
 * @param {import('./widget-view.js').Lent} lent
 * @param {Record<string, string>} words
 */
function createAsk(lent, words) {
    const { actions, attr, composer, h, i18n, panel, shown, text } = lent;
    const { memory } = actions;
    const api = actions.api();
    const root = /** @type {ShadowRoot} */ (panel.getRootNode());
    const intro = /** @type {HTMLElement} */ (panel.querySelector('.intro'));
    const away = h('p', { class: 'away-text', dir: 'auto', hidden: true });
    const said = h('p', { class: 'said', role: 'status' });
    /** @type {ReturnType<typeof createForm> | null} */
    let form = null;
    let kind = '';

    intro.append(away);
    composer.element.before(said);

    /* Where the focus belongs when the panel is opened. */
    lent.first = () => /** @type {HTMLElement | null | undefined} */ (
        form?.element.matches('.first')
        ? form.element.querySelector('input, textarea') : null);

    /** @param {NonNullable<Site['consent']>} consent */
    function createConsent({ text: what, url }) {
        const box = h('input', { type: 'checkbox' });
        const bad = h('p', { class: 'bad', role: 'alert' });

        return {
            nodes: [
                h('p', { dir: 'auto' }, i18n.pick(what), ...url ? [' ',
                    h('a', { href: url, target: '_blank',
                             rel: 'noopener noreferrer' }, words.more)] : []),
                h('label', { class: 'pick' }, box, words.agree), bad],

            read() {
                text(bad, box.checked ? '' : words.must);

                if (!box.checked) {
                    box.focus();
                }

                return box.checked;
            },
        };
    }

    /**
     * @param {Field[]} fields
     * @param {Site['consent'] | false} consent
     * @param {string} legend
     * @param {string} submit
     */
    function create(fields, consent, legend, submit) {
        const asked = createFields(lent, words, fields);
        const agreed = consent ? createConsent(consent) : null;

        return createForm(lent, words, legend, {
            nodes: [...legend ? [h('p', { dir: 'auto' }, legend)] : [],
                    ...asked.nodes, ...agreed ? agreed.nodes : []],
            fill() {},

            read() {
                const values = asked.read();

                return values && (!agreed || agreed.read()) ? values : null;
            },
        }, submit, async ({ name, email, ...attributes }) => {
            try {
                const { visitor } = await api.call('PATCH', 'session', {
                    body: { name, email, attributes, locale: i18n.lang,
                            consent: consent ? consent.version : undefined },
                });

                /* The panel knows it a moment later. */
                await actions.known(visitor);
            } catch (/** @type {any} */ error) {
                /* The site has another version of its text by now. */
                if (error.body?.field === 'consent') {
                    actions.start();
                }

                throw error;
            }

            lent.emit(submit === words.save ? 'offline:submit'
                      : 'prechat:submit', { name, email, ...attributes });
            memory.keepDraft('#asked', '1');
            update();
            text(said, email && shown()?.availability === 'away'
                ? words.saved.replace('{email}', () => email) : '');
        });
    }

    function update() {
        const state = shown();
        const { site, visitor } = state || {};

        if (!state || !site || !visitor) {
            return;
        }

        const { name, email, verified, consent: agreed } = visitor;
        const told = verified || memory.draft('#asked') !== '';
        const gone = !!site.away && state.availability === 'away';
        const fields = told || state.list.length ? []
                       : (site.prechat?.fields || []).filter(
                           (it) => !(it.name === 'name' && name)
                                   && !(it.name === 'email' && email));
        const consent = !!site.consent && site.consent.version !== agreed
                        && site.consent;
        const first = fields.length > 0 || !!consent;
        const mail = gone && !!site.away?.email && !told && !email
                     && !fields.some((it) => it.name === 'email');
        const now = JSON.stringify([fields, consent, mail]);

        text(away, gone ? i18n.pick(site.away?.text || words.away) : '');
        attr(away, 'hidden', !gone);

        if (now !== kind) {
            const inside = root.activeElement;
            const had = form?.element.contains(inside)
                        || composer.element.contains(inside);

            kind = now;
            form?.element.remove();
            form = first || mail ? create(
                mail ? [...fields, { name: 'email' }] : fields, consent,
                !first ? words.mail
                : fields.length ? i18n.pick(site.prechat?.text) : '',
                first ? words.start : words.save) : null;
            form?.element.classList.toggle('first', first);
            attr(composer.element, 'hidden', first);
            place();

            if (had) {
                (lent.first?.() || composer.input).focus();
            }
        }

        place();
    }

    /** Below the introduction, or where one writes. */
    function place() {
        const element = form?.element;

        if (element && intro.hidden && element.nextSibling !== said) {
            said.before(element);
        } else if (element && !intro.hidden && element.parentNode !== intro) {
            intro.append(element);
        }
    }

    return { update };
}
