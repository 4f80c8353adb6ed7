/* Copyright (C) the ngx_http_chat_module authors */

/*
 * What agents write, with the marks of Markdown that chats know: **strong**,
 * *emphasis*, `code`, blocks of code, lists and quotes.  Elements are made
 * one by one, so that nothing that is written can become markup; what is not
 * closed, or stands within a word, is text.  A link has no other text than
 * its address.
 */

const TOKEN = /https?:\/\/[^\s<>"'*`]+|`[^`]+`|\\[\\*_`]|\*\*|[*_]/gi;
const WORD = /[\p{L}\p{N}]/u;
const FENCE = /^```/;
const QUOTE = /^> ?/;
const ITEM = /^ {0,3}(?:[-*]|(\d{1,3})[.)]) +(?=\S)/;

export const STYLE = `
.bubble :is(blockquote, ol, pre, ul) { margin: 4px 0 }
.bubble :is(ol, ul) { padding-inline-start: 1.5em; white-space: normal }
.bubble blockquote { padding-inline-start: 10px;
    border-inline-start: 3px solid }
.bubble pre { overflow-x: auto; white-space: pre }
.bubble code { font: .9em monospace }`;

/** @type {Record<string, 'strong' | 'em'>} */
const TAGS = { '**': 'strong', '*': 'em', '_': 'em' };


/**
 * @typedef {(Node | string)[]} Parts
 * @typedef {{mark: string, from: number, parts: Parts}} Span
 */


/**
 * @param {Pick<typeof import('./kernel.js'), 'h'>
 *     & typeof import('./links.js')} lent
 */
export function createFormat({ h, linked }) {
    /**
     * The text of a message: each line takes its own direction.
     *
     * @param {string} body
     * @returns {HTMLElement[]}
     */
    function formatted(body) {
        const lines = body.split('\n');
        /** @type {HTMLElement[]} */
        const blocks = [];

        for (let i = 0; i < lines.length; ) {
            const end = FENCE.test(lines[i])
                        ? lines.findIndex((it, n) => n > i && FENCE.test(it))
                        : -1;

            if (end > 0) {
                blocks.push(h('pre', { dir: 'ltr' }, h('code', {},
                    lines.slice(i + 1, end).join('\n'))));
                i = end + 1;
            } else if (QUOTE.test(lines[i])) {
                const quote = run(lines, i, QUOTE);

                blocks.push(h('blockquote', {}, ...quote.map(
                    (line) => paragraph(line.replace(QUOTE, '')))));
                i += quote.length;
            } else if (ITEM.test(lines[i])) {
                const items = run(lines, i, ITEM);

                blocks.push(list(items));
                i += items.length;
            } else {
                blocks.push(paragraph(lines[i++]));
            }
        }

        return blocks;
    }

    /**
     * The text without its marks, for where there is one line for it.
     *
     * @param {string} body
     */
    function unformatted(body) {
        return formatted(body).map((block) => block.textContent).join(' ');
    }

    /** @param {string} line */
    function paragraph(line) {
        return h('p', { dir: 'auto' }, ...spans(line));
    }

    /**
     * A list, numbered as its first line has it.
     *
     * @param {string[]} lines
     */
    function list(lines) {
        const [, start] = /** @type {RegExpExecArray} */ (ITEM.exec(lines[0]));
        const items = lines.map((line) => h(
            'li', { dir: 'auto' }, ...spans(line.replace(ITEM, ''))));

        return start ? h('ol', { start }, ...items) : h('ul', {}, ...items);
    }

    /**
     * The parts of a line.  A mark is only open once, so that spans are at most
     * three deep, and one pass is enough.
     *
     * @param {string} line
     * @returns {Parts}
     */
    function spans(line) {
        /** @type {Span[]} */
        const open = [{ mark: '', from: 0, parts: [] }];
        const add = (/** @type {Parts} */ ...parts) =>
            open[open.length - 1].parts.push(...parts);
        let done = 0;

        for (const { 0: token, index } of line.matchAll(TOKEN)) {
            const next = index + token.length;

            add(line.slice(done, index));
            done = next;

            if (!TAGS[token]) {
                add(...token.length > 2 && token[0] === '`'
                       ? [h('code', { dir: 'ltr' }, token.slice(1, -1))]
                       : token[0] === '\\' ? [token[1]] : linked(token));
                continue;
            }

            const before = line[index - 1] || ' ';
            const after = line[next] || ' ';
            const at = open.findIndex(({ mark }) => mark === token);

            if (at > 0 && index > open[at].from && before.trim()
                && !WORD.test(after))
            {
                const { parts } = fold(open, at + 1);

                open.pop();
                add(h(TAGS[token], {}, ...parts));
            } else if (at < 0 && after.trim() && !WORD.test(before)) {
                open.push({ mark: token, from: next, parts: [] });
            } else {
                add(token);
            }
        }

        add(line.slice(done));

        return fold(open, 1).parts;
    }

    return { formatted, unformatted };
}


/**
 * @param {string[]} lines
 * @param {number} from
 * @param {RegExp} what
 */
function run(lines, from, what) {
    const end = lines.findIndex((line, i) => i > from && !what.test(line));

    return lines.slice(from, end < 0 ? lines.length : end);
}


/**
 * What was opened and not closed is text.
 *
 * @param {Span[]} open
 * @param {number} length that is left
 * @returns {Span} the last that is left
 */
function fold(open, length) {
    while (open.length > length) {
        const { mark, parts } = /** @type {Span} */ (open.pop());

        open[open.length - 1].parts.push(mark, ...parts);
    }

    return open[length - 1];
}
