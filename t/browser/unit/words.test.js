/*
 * Copyright (C) the ngx_http_chat_module authors
 */

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createI18n, isolate, plainName, problemText }
    from '../../../src/assets/i18n.js';
import { loadWords } from '../../../src/assets/console-words.js';

const assets = new URL('../../../src/assets/', import.meta.url);
const names = readdirSync(assets).filter((name) => name.endsWith('.js'));
const pages = ['widget', 'console'];

/* Modules that only one of the pages loads. */
const own = {
    widget: (name) => name.startsWith('widget'),
    console: (name) => name.startsWith('console'),
};


function source(name) {
    return readFileSync(new URL(name, assets), 'utf8');
}


function placeholders(text) {
    return [...text.matchAll(/\{(\w+)\}/g)].map((it) => it[1]).sort();
}


test('a text, its placeholders and its plurals', () => {
    const i18n = createI18n('en', {
        plain: 'Hello', named: 'Hello {name}', 'problem.gone': 'Gone.',
        'problem.other': 'Other.',
        counted: { one: '{count} message', other: '{count} messages' },
    });

    assert.equal(i18n.t('plain'), 'Hello');
    assert.equal(i18n.t('named', { name: 'Noa' }), 'Hello \u2068Noa\u2069');
    assert.equal(i18n.t('named', { name: '{count}', count: 1 }),
                 'Hello \u2068{count}\u2069');
    assert.equal(i18n.t('counted', { count: 1 }), '1 message');
    assert.equal(i18n.t('counted', { count: 1234 }), '1,234 messages');
    assert.equal(i18n.t('absent'), 'absent');
    assert.equal(problemText(i18n, 'gone'), 'Gone.');
    assert.equal(problemText(i18n, 'constructor'), 'Other.');
    assert.equal(i18n.time('nonsense'), '');
});


test('all six forms of Arabic, from right to left', async () => {
    const forms = { zero: '0', one: '1', two: '2', few: '3', many: '11',
                    other: '100' };
    const i18n = createI18n('ar', { n: forms });

    for (const count of [0, 1, 2, 3, 11, 100]) {
        assert.equal(i18n.t('n', { count }), String(count));
    }

    for (const [lang, dir] of [['en', 'ltr'], ['ar', 'rtl'], ['he', 'rtl']]) {
        assert.equal((await loadWords(lang)).dir, dir);
    }
});


test('a name cannot turn the text around it', () => {
    assert.equal(plainName('a\u202egpj.exe'), 'agpj.exe');
    assert.equal(isolate('\u2069x\u2068'), '\u2068x\u2069');
});


/* The languages of each page, of what the widget asks and of its files. */
const languages = { widget: ['en', 'ar', 'he'], console: ['en', 'ar', 'he'],
                    ask: ['en', 'ar', 'he'], attach: ['en', 'ar', 'he'] };

/* Forms of one or two things that may name them in a word. */
const SPOKEN = ['zero', 'one', 'two'];


function catalogueOf(page, lang) {
    return JSON.parse(source(`${lang}-${page}.js`)
                      .replace(/^export default /, '').replace(/;\s*$/, ''));
}


for (const page of [...pages, 'ask', 'attach']) {
    for (const lang of languages[page]) {
        test(`${page}, ${lang}: flat JSON, keys, placeholders, plurals`,
             () =>
        {
            const english = catalogueOf(page, 'en');
            const catalogue = catalogueOf(page, lang);
            const plural = new Intl.PluralRules(lang)
                           .resolvedOptions().pluralCategories;

            assert.deepEqual(Object.keys(catalogue).sort(),
                             Object.keys(english).sort());

            for (const [key, value] of Object.entries(catalogue)) {
                const many = typeof value === 'object';
                const forms = many ? value : { other: value };
                const model = english[key].other ?? english[key];

                assert.equal(many, typeof english[key] === 'object', key);

                if (many) {
                    assert.deepEqual(Object.keys(forms).sort(),
                                     [...plural].sort(), key);
                }

                for (const [form, text] of Object.entries(forms)) {
                    const named = placeholders(model).filter(
                        (name) => name !== 'count' || text.includes('{count}')
                                  || !SPOKEN.includes(form));

                    assert.equal(text, text.trim(), key);
                    assert.ok(text !== '' && !/[<>]/.test(text), key);
                    assert.deepEqual(placeholders(text), named, key);
                }
            }
        });
    }
}


for (const page of pages) {
    test(`${page}: every text that the code names is there`, () => {
        const catalogue = catalogueOf(page, 'en');

        /* Every key that the code names, and a family it composes. */
        const others = pages.filter((it) => it !== page);
        const code = names.filter((name) => !/^..-/.test(name)
                          && !others.some((it) => own[it](name)))
                          .map(source).join('\n');
        const used = [...code.matchAll(/\bt\(\s*'([\w.]+)'/g)]
                     .map((it) => it[1]);
        const families = [...code.matchAll(/\bt\(\s*`([\w.]+)\.\$/g)]
                         .map((it) => it[1]);

        assert.ok(used.length > 10);
        used.forEach((key) => assert.ok(key in catalogue, key));
        families.forEach((family) => assert.ok(
            Object.keys(catalogue).some((key) => key.startsWith(
                `${family}.`)), family));
    });
}


test('what the pages may not use', () => {
    const sinks = ['innerHTML', 'outerHTML', 'insertAdjacentHTML',
                   'document.write', 'eval(', 'new Function', 'srcdoc',
                   "'style'"];
    const sides = /\b(margin|padding|border)-(left|right)\b|\b(left|right):/;

    for (const name of readdirSync(assets)) {
        const text = source(name);

        sinks.forEach((sink) => assert.ok(!text.includes(sink),
                                          `${name}: ${sink}`));
        assert.doesNotMatch(text, sides, name);
        assert.doesNotMatch(text, /https?:\/\/(?!www\.w3\.org)/, name);
    }

    assert.doesNotMatch(source('console.html'), /<script>|style=|\son\w+=/);
});


for (const name of ['files', 'more']) {
    test(`${name}: the same words in every language`, async () => {
        const { WORDS } = await import(
            `../../../src/assets/widget-${name}.js`);
        const { en } = WORDS;

        assert.deepEqual(Object.keys(WORDS), languages.widget);

        for (const [lang, words] of Object.entries(WORDS)) {
            assert.deepEqual(Object.keys(words), Object.keys(en), lang);

            for (const [key, text] of Object.entries(words)) {
                assert.deepEqual(placeholders(text), placeholders(en[key]),
                                 `${lang} ${key}`);
            }
        }
    });
}


test('files: every text that the code names is there', () => {
    const catalogue = catalogueOf('attach', 'en');
    const used = [...source('widget-attach.js').matchAll(
        /\b(?:words\.|say\('|fail\(')(\w+)/g)].map((it) => it[1]);

    assert.ok(used.length > 5);
    used.forEach((key) => assert.ok(key in catalogue, key));
});


test('cards and forms: every text that the code names is there', () => {
    const catalogue = catalogueOf('ask', 'en');
    const used = ['card', 'prechat'].flatMap((name) => [
        ...source(`widget-${name}.js`).matchAll(/\bwords\.(\w+)/g)]
        .map((it) => it[1]));

    assert.ok(used.length > 10);
    used.forEach((key) => assert.ok(key in catalogue, key));
});
