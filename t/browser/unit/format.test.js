/*
 * Copyright (C) the ngx_http_chat_module authors
 */

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { createFormat } from '../../../src/assets/format.js';

const { formatted } = createFormat({
    h: (tag, props, ...children) => `<${tag}>${children.join('')}</${tag}>`,
    linked: (address) => [`[${address}]`],
});


/** @param {string} body */
function show(body) {
    return formatted(body).join('');
}


test('marks within a line', () => {
    for (const [body, wanted] of [
        ['plain', 'plain'],
        ['a **b** c', 'a <strong>b</strong> c'],
        ['a *b* _c_', 'a <em>b</em> <em>c</em>'],
        ['**a _b_ c**', '<strong>a <em>b</em> c</strong>'],
        ['(*a*), **b**!', '(<em>a</em>), <strong>b</strong>!'],
        ['say `a **b** _c_`.', 'say <code>a **b** _c_</code>.'],
        ['**مرحبا** و_שלום_', '<strong>مرحبا</strong> و_שלום_'],
        ['\\*a\\* \\\\ \\_', '*a* \\ _'],
    ]) {
        assert.equal(show(body), `<p>${wanted}</p>`, body);
    }
});


test('what is not closed, or within a word, is text', () => {
    for (const body of ['5 * 3 * 2', '5*3*2', 'snake_case_name', '**a', 'a**',
                        '** a **', '*a', '`a', '``', '****', '__', '_ _',
                        'a ** b *c _d', '# a', '-a', '1.a', '1234. a',
                        '<b>a</b>', '&lt;'])
    {
        assert.equal(show(body), `<p>${body}</p>`, body);
    }

    assert.equal(show('**a *b**'), '<p><strong>a *b</strong></p>');
    assert.equal(show('*a **b*'), '<p><em>a **b</em></p>');
});


test('addresses keep their signs', () => {
    assert.equal(show('_see https://a.test/x_y_z?_q=_now *b*_'),
                 '<p><em>see [https://a.test/x_y_z?_q=_now] <em>b</em></em>'
                 + '</p>');
    assert.equal(show('**https://a.test/_a_**'),
                 '<p><strong>[https://a.test/_a_]</strong></p>');
});


test('blocks', () => {
    assert.equal(show('a\n\nb'), '<p>a</p><p></p><p>b</p>');
    assert.equal(show('- a\n* **b**\nc'),
                 '<ul><li>a</li><li><strong>b</strong></li></ul><p>c</p>');
    assert.equal(show('3. a\n4) b'), '<ol><li>a</li><li>b</li></ol>');
    assert.equal(show('> a\n>_b_\nc'),
                 '<blockquote><p>a</p><p><em>b</em></p></blockquote><p>c</p>');
    assert.equal(show('```js\n**a**\n\n  - b\n```\nc'),
                 '<pre><code>**a**\n\n  - b</code></pre><p>c</p>');
    assert.equal(show('```\na'), '<p>```</p><p>a</p>');
});


test('the longest message takes one pass', () => {
    for (const one of ['*a ', '**', '`', '_a', '**a* ', '> ', '- ', '```\n',
                       '\\', 'https://'])
    {
        const body = one.repeat(16384 / one.length);

        assert.ok(show(body).length >= body.length / 2, one);
    }
});
