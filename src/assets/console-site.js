/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, keyed, text } from './kernel.js';
import { asProblem } from './api.js';
import { createField, fieldProblem } from './console-records.js';
import { LANGUAGES } from './console-names.js';
import { POLICIES } from './console-people.js';

/*
 * What the site says of itself to visitors.
 */

/** @typedef {import('./console-view.js').ConsoleActions} ConsoleActions */

const SCHEMES = ['auto', 'light', 'dark'];
const SIDES = ['end', 'start', 'left', 'right'];
const TYPES = ['text', 'email', 'tel', 'long'];
const ACCENT = '#1f5eff';
const MOST = 10;
const AFTER = [30, 3600];
const [FIRST] = Object.keys(LANGUAGES);


/**
 * A text for each language: the one string that is for all of them stands
 * with the first.
 *
 * @param {Words | null} [words]
 * @param {string} [lang]
 */
export function wordsIn(words, lang = FIRST) {
    return typeof words === 'string' ? lang === FIRST ? words : ''
           : words?.[lang] || '';
}


/**
 * What the languages together say, with what there is in others; a text in
 * the first alone is for all.
 *
 * @param {Words | null | undefined} had
 * @param {Record<string, string>} values
 * @returns {Words | null}
 */
export function wordsOf(had, values) {
    const all = Object.entries({ ...typeof had === 'object' && had,
                                 ...values }).filter(([, it]) => it !== '');

    return !all.length ? null
           : all.length === 1 && all[0][0] === FIRST ? all[0][1]
           : Object.fromEntries(all);
}


/**
 * @param {Wording} i18n
 * @param {ConsoleActions} actions
 */
export function createSite(i18n, { api }) {
    const { t } = i18n;
    const status = h('p', { class: 'said', role: 'status' });
    const bad = h('p', { class: 'problem', role: 'alert' });
    const form = h('form', { class: 'record', novalidate: true });
    const go = h('button', { type: 'submit', class: 'go' },
                 t('records.save'));
    /** @type {any} */
    let site = null;

    load();

    return { element: h('div', {}, status, form), update() {} };

    async function load() {
        try {
            site = await api.call('GET', 'site');
            draw();
        } catch (error) {
            text(status, fieldProblem(i18n, asProblem(error)));
        }
    }

    function draw() {
        const { theme, prechat, away, consent, assignment, origins } = site;
        const title = worded('title', site.title, 'text');
        const [locale, accent, own, scheme, side] = [
            createField({ name: 'locale', label: t('site.locale'),
                          type: 'one', value: site.locale || '',
                          options: [['', t('site.page')],
                                    ...Object.entries(LANGUAGES)] }),
            createField({ name: 'accent', label: t('site.accent'),
                          type: 'color', value: theme?.accent || ACCENT }),
            createField({ name: 'own', label: t('site.own'), type: 'yes',
                          value: Boolean(theme?.accent) }),
            choice('scheme', SCHEMES, theme?.scheme),
            choice('side', SIDES, theme?.side)];
        const intro = worded('prechat', prechat?.text, 'long');
        const asked = questions(prechat?.fields || []);
        const absent = worded('away', away?.text, 'long');
        const [address, version, url, single] = [
            createField({ name: 'email', label: t('site.email'),
                          type: 'yes', value: away?.email === true }),
            createField({ name: 'version', label: t('site.version'),
                          type: 'text', value: consent?.version,
                          hint: t('site.hint') }),
            createField({ name: 'url', label: t('site.url'),
                          type: 'text', value: consent?.url }),
            createField({ name: 'single', label: t('site.single'),
                          type: 'yes', value: site.one_conversation })];
        const [policy, after, allowed, kept] = [
            createField({ name: 'policy', label: t('policy.label'),
                          type: 'one', value: assignment?.policy || 'manual',
                          options: POLICIES.map((it) =>
                              [it, t(`policy.${it}`)]) }),
            createField({ name: 'after', label: t('site.after'),
                          type: 'number', value: assignment?.away_after,
                          least: AFTER[0], most: AFTER[1],
                          hint: t('site.after.hint') }),
            createField({ name: 'origins', label: t('site.origins'),
                          type: 'long', value: origins?.join('\n'),
                          dir: 'ltr', hint: t('site.origins.hint', {
                              own: location.origin }) }),
            createField({ name: 'track_days', label: t('site.track'),
                          type: 'number', value: site.track_days,
                          least: 1, most: 365,
                          hint: t('site.track.hint') })];
        const agreed = worded('consent', consent?.text, 'long');

        form.onsubmit = (event) => {
            const words = intro.value();
            const fields = asked.value();

            event.preventDefault();
            save({
                version: site.version,
                title: title.value(),
                locale: locale.value() || null,
                theme: { ...theme, accent: own.value() ? accent.value()
                                                       : undefined,
                         scheme: scheme.value(), side: side.value() },
                prechat: words || fields.length
                         ? { ...words && { text: words }, fields } : null,
                away: absent.value() || address.value()
                      ? { ...absent.value() && { text: absent.value() },
                          email: address.value() } : null,
                consent: version.value() || agreed.value()
                         ? { version: version.value(), text: agreed.value(),
                             ...url.value() && { url: url.value() } } : null,
                one_conversation: single.value(),
                assignment: assigned(String(policy.value()), after.value()),
                origins: String(allowed.value()).match(/\S+/g),
                track_days: kept.value(),
            });
        };
        form.replaceChildren(
            part('look', title, locale, own, accent, scheme, side),
            part('prechat', intro, asked),
            part('away', absent, address),
            part('consent', version, agreed, url),
            part('rest', single, kept),
            part('assignment', policy, after),
            part('origins', allowed),
            bad,
            h('div', { class: 'actions' },
              go));
    }

    /**
     * @param {string} policy
     * @param {unknown} after seconds, or null
     */
    function assigned(policy, after) {
        return policy === POLICIES[0] && after === null ? null
               : { policy, ...after !== null && { away_after: after } };
    }

    /** @param {any} body */
    async function save(body) {
        say('');
        text(status, '');

        try {
            site = await api.call('PATCH', 'site', { body });
            draw();
            text(status, t('records.done'));
            go.focus();
        } catch (error) {
            const problem = asProblem(error);
            const { site: theirs } = /** @type {any} */ (problem.body);

            /* Somebody else was quicker; what is typed stays. */
            site.version = theirs?.version ?? site.version;
            theirs ? say(t('site.conflict'))
            : say(fieldProblem(i18n, problem), problem.body.field);
        }
    }

    /**
     * At the field, if that has a control of its own.
     *
     * @param {string} problem
     * @param {string} [name]
     */
    function say(problem, name = '') {
        const wrong = /** @type {HTMLElement | null} */ (
            form.querySelector(`#record-${CSS.escape(name)}`));

        form.querySelector('[aria-invalid]')?.removeAttribute('aria-invalid');

        if (wrong) {
            attr(wrong, 'aria-invalid', 'true');
            wrong.after(bad);
            wrong.focus();
        } else {
            go.parentElement?.before(bad);
        }

        text(bad, problem);
    }

    /**
     * @param {string} name
     * @param {...{element: Node}} made
     */
    function part(name, ...made) {
        return h('fieldset', { class: 'part' },
                 h('legend', {}, t(`site.group.${name}`)),
                 ...made.map(({ element }) => element));
    }

    /**
     * @param {string} name
     * @param {string[]} values
     * @param {string} [value]
     */
    function choice(name, values, value = values[0]) {
        return createField({ name, label: t(`site.${name}`), type: 'one',
                             value, options: values.map(
                                 (it) => [it, t(`site.${name}.${it}`)]) });
    }

    /**
     * A field for each language.
     *
     * @param {string} name
     * @param {Words | null} had
     * @param {'text' | 'long'} type
     */
    function worded(name, had, type) {
        const made = Object.entries(LANGUAGES).map(([lang, label]) =>
            createField({ name: `${name}-${lang}`, type,
                          label: t('site.words', {
                              what: t(`site.${name}`), lang: label }),
                          value: wordsIn(had, lang) }));

        return {
            element: h('div', { class: 'words' },
                       ...made.map(({ element }) => element)),
            value: () => wordsOf(had, Object.fromEntries(
                Object.keys(LANGUAGES).map((lang, i) =>
                    [lang, String(made[i].value())]))),
        };
    }

    /** @param {any[]} had what is asked before a chat */
    function questions(had) {
        let count = 0;
        let rows = had.map((it) => row(it));
        const list = h('ul', { class: 'records' });
        const add = h('button', { type: 'button', onclick() {
            const one = row({});

            rows = [...rows, one];
            draw();
            one.element.querySelector('input')?.focus();
        } }, t('site.ask'));

        draw();

        return {
            element: h('div', {}, list, add),
            value: () => rows.map((it) => it.value())
                             .filter(({ name }) => name !== ''),
        };

        function draw() {
            keyed(list, rows, ({ key }) => key, ({ element }) => element,
                  () => {});
            attr(add, 'hidden', rows.length >= MOST);
        }

        /** @param {any} it */
        function row(it) {
            const key = String(count++);
            const made = [
                createField({ name: `ask-name-${key}`, type: 'text',
                              label: t('site.ask.name'), value: it.name }),
                createField({ name: `ask-label-${key}`, type: 'text',
                              label: t('site.ask.label'),
                              value: i18n.pick(it.label) }),
                createField({ name: `ask-type-${key}`, type: 'one',
                              label: t('site.ask.type'),
                              value: it.type || 'text',
                              options: TYPES.map((type) =>
                                  [type, t(`site.ask.${type}`)]) }),
                createField({ name: `ask-required-${key}`, type: 'yes',
                              label: t('site.ask.required'),
                              value: it.required === true })];
            const [name, label, type, required] = made;
            const said = i18n.pick(it.label);

            return {
                key,
                element: h('li', {}, ...made.map(({ element }) => element),
                           h('button', { type: 'button', onclick() {
                               rows = rows.filter((one) => one.key !== key);
                               draw();
                               add.focus();
                           } }, t('records.remove'))),
                value: () => ({
                    name: name.value(), type: type.value(),
                    required: required.value(),
                    /* What is not touched keeps its languages. */
                    ...label.value() && { label:
                        label.value() === said ? it.label : label.value() },
                }),
            };
        }
    }
}
