/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, keyed, text } from './kernel.js';
import { paragraphs } from './bidi.js';
import { plainName, problemText } from './i18n.js';
import { eventKey, messageKey, readBy, same } from './talk.js';
import { unrecorded } from './outgoing.js';

/*
 * The message log.  A line is made once and then only changes attributes and
 * its state text, so that a confirmed message is not announced twice; nor is
 * one that is changed or taken back.
 */

const END = 24;
const SEEN = 1000;
const NEAR = 120;
const RUN = 300000;


/**
 * @typedef {{key: string, event: ChatEvent | null, item: Outgoing | null,
 *            own: boolean, note: boolean, at: string}} Line
 */


/**
 * @param {object} options
 * @param {I18n} options.i18n
 * @param {string} options.label
 * @param {Person['kind']} options.other whose read marks count as "seen"
 * @param {boolean} [options.eager] earlier lines come as one scrolls to them
 * @param {() => void} options.onearlier
 * @param {(seq: number) => void} options.onseen the log's end was in view
 * @param {(id: string) => void} options.onretry
 * @param {(id: string) => void} options.ondiscard
 * @param {(it: Attachment) => Node} options.file shows an attachment
 * @param {(line: Line, text: string, nodes: HTMLElement[]) => void
 *     } options.format gives a text its look, instead of the nodes
 * @param {(event: ChatEvent) => string} [options.told] what is said of an
 *     event of any other type, '' for nothing
 * @param {(event: ChatEvent) => Node} [options.card] shows what it asks
 */
export function createLog(options) {
    const { i18n } = options;
    const list = h('ol', { class: 'lines' });
    const earlier = h('button', { type: 'button', class: 'earlier',
                                  hidden: true, onclick: options.onearlier },
                      i18n.t('log.earlier'));
    const element = h('div', { class: 'log', role: 'log', tabindex: '0',
                               'aria-label': options.label,
                               'aria-relevant': 'additions' },
                      earlier, list);
    let shown = '';
    let first = '';
    let last = '';
    let own = 0;
    let seen = 0;
    let bottom = 0;
    let timer = 0;
    let pinned = true;
    const listening = new AbortController();
    const { signal } = listening;

    /* Reading takes a second with the end of the log in view. */
    const look = () => {
        clearTimeout(timer);

        if (bottom > seen && atEnd(element) && document.hasFocus()
            && document.visibilityState === 'visible')
        {
            timer = window.setTimeout(() => {
                seen = bottom;
                options.onseen(seen);
            }, SEEN);
        }
    };

    element.addEventListener('scroll', () => {
        pinned = atEnd(element);
        look();

        if (options.eager && element.scrollTop < NEAR && !earlier.hidden) {
            options.onearlier();
        }
    });
    window.addEventListener('focus', look, { signal });
    document.addEventListener('visibilitychange', look, { signal });

    return {
        element,

        /**
         * @param {Talk | null} talk
         * @param {Outgoing[]} outgoing
         * @param {Person} me
         */
        update(talk, outgoing, me) {
            const lines = toLines(talk, outgoing, me, options.told);
            const id = talk?.id ?? '';
            const another = id !== shown;
            const follow = another || atEnd(element)
                           || outgoing.length > own;
            const below = element.scrollHeight - element.scrollTop;
            const grown = !another && first !== '' && lines.length > 0
                          && lines[0].key !== first
                          && lines[lines.length - 1].key === last;
            const read = talk ? readBy(talk, options.other) : 0;

            /* Old lines are shown, not announced. */
            attr(element, 'aria-live', grown || another ? 'off' : null);
            attr(element, 'aria-busy', another && lines.length > 0);
            attr(earlier, 'hidden', !talk?.earlier);

            keyed(list, lines, (line) => line.key,
                  (line) => createLine(line, options),
                  (node, line, before) => updateLine(node, line, before, read,
                                                     options));

            if (another || grown) {
                requestAnimationFrame(() => {
                    attr(element, 'aria-live', null);
                    attr(element, 'aria-busy', null);
                });
            }

            if (grown) {
                element.scrollTop = element.scrollHeight - below;
            } else if (follow) {
                element.scrollTop = element.scrollHeight;
            }

            if (another) {
                seen = 0;
            }

            shown = id;
            first = lines[0]?.key ?? '';
            last = lines[lines.length - 1]?.key ?? '';
            own = outgoing.length;
            bottom = talk?.events[talk.events.length - 1]?.seq ?? 0;
            look();
        },

        /** To the newest line, for when the log becomes visible. */
        toEnd() {
            pinned = true;
            element.scrollTop = element.scrollHeight;
            look();
        },

        /** Keeps the newest line in view when there is less room. */
        follow() {
            if (pinned) {
                element.scrollTop = element.scrollHeight;
            }
        },

        close: () => listening.abort(),
    };
}


/** @param {HTMLElement} element */
function atEnd(element) {
    return element.clientHeight > 0
           && element.scrollTop + element.clientHeight
              >= element.scrollHeight - END;
}


/**
 * @param {Talk | null} talk
 * @param {Outgoing[]} outgoing
 * @param {Person} me
 * @param {(event: ChatEvent) => string} [told]
 * @returns {Line[]}
 */
function toLines(talk, outgoing, me, told) {
    const events = talk ? talk.events : [];
    const kept = events.filter((event) => said(event)
                                          || event.type === 'status'
                                          || told?.(event));

    return [
        ...kept.map((event) => ({
            key: eventKey(event), event, item: null,
            own: same(event.sender, me), ...common(event),
        })),
        ...unrecorded(outgoing, events, me).map((item) => ({
            key: messageKey(me, item.id), event: null, item, own: true,
            ...common(item),
        })),
    ];
}


/** @param {{visibility?: string, created_at?: string}} it */
function common({ visibility, created_at: at = '' }) {
    return { note: visibility === 'internal', at };
}


/**
 * @param {Line} line
 * @param {Parameters<typeof createLog>[0]} options
 */
function createLine(line, options) {
    const { i18n } = options;

    if (line.event && !said(line.event)) {
        return h('li', { class: 'line change' }, h('p', { dir: 'auto' }));
    }

    const id = line.item?.id || line.event?.client_msg_id || '';

    return h('li', { class: 'line' },
             h('p', { class: 'who' }),
             h('div', { class: 'bubble' }),
             h('p', { class: 'meta', 'aria-live': 'off' }),
             h('div', { class: 'again', hidden: true },
               h('button', { type: 'button',
                             onclick: () => options.onretry(id) },
                 i18n.t('log.retry')),
               h('button', { type: 'button',
                             onclick: () => options.ondiscard(id) },
                 i18n.t('log.discard'))));
}


/**
 * @param {HTMLElement} node
 * @param {Line} line
 * @param {Line | null} before
 * @param {number} read
 * @param {Parameters<typeof createLog>[0]} options
 */
function updateLine(node, line, before, read, options) {
    const { i18n, told } = options;

    if (line.event && !said(line.event)) {
        text(node.children[0],
             told?.(line.event) || changeText(line.event, i18n));
        return;
    }

    const [who, bubble, meta, again] = node.children;
    const state = line.item ? line.item.state
                  : line.event && line.event.seq <= read ? 'seen' : 'sent';
    const words = [i18n.time(line.at)];

    if (line.own && !(line.note && state === 'seen')) {
        words.push(i18n.t(`state.${state}`));
    }

    if (line.item?.state === 'failed') {
        words.push(problemText(i18n, line.item.reason || ''));
    }

    const same = before !== null && sender(before) === sender(line);
    const run = same && Date.parse(line.at) - Date.parse(before.at) < RUN;

    attr(node, 'class', `line ${line.own ? 'own' : 'other'}`
                        + `${line.note ? ' note' : ''}${run ? ' run' : ''}`);
    attr(node, 'data-state', state);
    attr(node, 'part', `message ${line.own ? 'own' : 'other'}`);
    attr(who, 'class', same ? 'who same' : 'who');
    text(who, whoText(line, i18n));
    text(meta, words.filter(Boolean).join(' · '));
    attr(again, 'hidden', state !== 'failed');
    fill(bubble, line, options);
}


/**
 * What is said, once for each time that it was changed.
 *
 * @param {Element} bubble
 * @param {Line} line
 * @param {Parameters<typeof createLog>[0]} options
 */
function fill(bubble, line, { i18n, file, format, card: ask }) {
    const { text: body, attachments = [], card, edited_at: at,
            redacted } = /** @type {any} */ (line.item || line.event);
    const had = bubble.getAttribute('data-at');
    const now = redacted ? 'never' : at || '';

    if (had === now) {
        return;
    }

    if (bubble.matches(':focus-within')) {
        /** @type {HTMLElement} */ (bubble.closest('.log')).focus();
    }

    const nodes = body ? paragraphs(body) : [];

    attr(bubble, 'aria-live', had !== null && 'off');
    attr(bubble, 'data-at', now);
    bubble.replaceChildren(
        ...nodes,
        ...now && [h('p', { class: 'mark' }, i18n.t(
            `message.${redacted ? 'redacted' : 'edited'}`))],
        ...attachments.map(file),
        ...card && ask ? [ask(/** @type {ChatEvent} */ (line.event))] : []);

    if (body) {
        format(line, body, nodes);
    }
}


/**
 * Whether it is shown as what somebody has said: a message, or an answer to
 * what one asks.
 *
 * @param {ChatEvent} event
 */
function said({ type }) {
    return type === 'message' || type === 'response';
}


/** @param {Line} line */
function sender(line) {
    const { event } = line;

    if (event && !said(event)) {
        return '';
    }

    return `${line.own || event?.sender.kind}/`
           + `${line.own || event?.sender.id}/${line.note}`;
}


/**
 * @param {Line} line
 * @param {I18n} i18n
 */
function whoText(line, i18n) {
    const name = line.own ? i18n.t('who.me') : personName(line.event, i18n);
    const bot = line.event?.sender.kind === 'bot'
                ? ` · ${i18n.t('who.bot')}` : '';

    return line.note ? i18n.t('who.note', { name }) : `${name}${bot}`;
}


/**
 * @param {ChatEvent | null} event
 * @param {I18n} i18n
 */
function personName(event, i18n) {
    const sender = event?.sender;

    return plainName(sender?.name || '')
           || i18n.t(`who.${sender?.kind || 'system'}`);
}


/**
 * @param {ChatEvent} event
 * @param {I18n} i18n
 */
function changeText(event, i18n) {
    const name = personName(event, i18n);

    return i18n.t(`change.${event.status}`, { name });
}
