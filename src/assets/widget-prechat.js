/* Copyright (C) the ngx_http_chat_module authors */

import { createFields, createForm, pick, wordsOf } from './widget-card.js';

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
    const talk = /** @type {HTMLElement} */ (composer.element.parentNode);
    const { memory } = actions;
    const intro = /** @type {HTMLElement} */ (talk.querySelector('.intro'));
    const away = h('p', { class: 'away-text', dir: 'auto', hidden: true });
    const root = panel.getRootNode();
    /** @type {Visitor | null} */
    let me = null;
    /** @type {ReturnType<typeof createForm> | null} */
    let form = null;
    let kind = '';

    intro.append(away);

    /* Where the focus belongs when the panel is opened. */
    lent.first = () => /** @type {HTMLElement | null | undefined} */ (
        form?.element.matches('.first')
        ? form.element.querySelector('input, textarea') : null);

    /**
     * What there is to agree to.
     *
     * @param {NonNullable<Site['consent']>} consent
     */
    function createConsent({ text: said, url }) {
        const box = h('input', { type: 'checkbox', id: 'agree' });
        const bad = h('p', { class: 'bad', role: 'alert' });

        return {
            nodes: [
                h('p', { dir: 'auto' }, pick(said, i18n), ...url ? [' ',
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
            const { visitor } = await actions.api().call('PATCH', 'session', {
                body: { name, email, attributes,
                        consent: consent ? consent.version : undefined,
                        locale: i18n.lang } });

            me = visitor;
            memory.keepDraft('#asked', '1');
            update();

            return email ? words.saved.replace(
                '{email}', () => `\u2068${email}\u2069`) : '';
        });
    }

    function update() {
        const state = shown();
        const { site, visitor } = state || {};

        if (!state || !site || !visitor) {
            return;
        }

        const { name, email, verified, consent } = me?.id === visitor.id
                                                   ? me : visitor;
        /** @type {Record<string, any>} */
        const known = { name, email };
        const asked = verified || state.list.length > 0
                      || memory.draft('#asked') !== '';
        const gone = !!site.away && state.availability === 'away';
        const fields = asked ? [] : (site.prechat?.fields || []).filter(
            (it) => !known[it.name]);
        const agree = !!site.consent && site.consent.version !== consent
                      && site.consent;
        const first = fields.length > 0 || !!agree;
        const mail = gone && !!site.away?.email && !verified && !email
                     && !fields.some((it) => it.name === 'email');
        const now = JSON.stringify([fields, agree, mail]);

        text(away, gone ? pick(site.away?.text || words.away, i18n) : '');
        attr(away, 'hidden', !gone);

        if (now !== kind) {
            const old = form?.element;
            const inside = /** @type {ShadowRoot} */ (root).activeElement;
            const had = old?.contains(inside)
                        || composer.element.contains(inside);

            kind = now;
            form = first || mail ? create(
                mail ? [...fields, { name: 'email' }] : fields, agree,
                first ? fields.length && site.prechat?.text
                        ? pick(site.prechat.text, i18n) : ''
                      : words.mail,
                first ? words.start : words.save) : null;
            old?.remove();
            attr(composer.element, 'hidden', first);
            form?.element.classList.toggle('first', first);
            place();

            if (had) {
                (lent.first?.() || composer.input).focus();
            }
        } else {
            place();
        }
    }

    /** Below the introduction, or where one writes. */
    function place() {
        const { element } = form || {};

        if (element && intro.hidden) {
            if (element.nextSibling !== composer.element) {
                composer.element.before(element);
            }
        } else if (element && element.parentNode !== intro) {
            intro.append(element);
        }
    }

    return { update };
}
