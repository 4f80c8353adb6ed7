/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, text } from './kernel.js';
import { eventKey } from './talk.js';

/*
 * What a message asks of a visitor, as agents see it: below the text of the
 * message, with the answer as soon as there is one.
 */

const STARS = 5;

/**
 * What stands below the text of a message, beside its files.
 *
 * @typedef {{card: Card, key: string}} Asked
 */

/** @typedef {(card: Card, i18n: Wording) => {
 *     nodes: Node[], fill: (to: CardAnswer | undefined) => void}} Kind */


/**
 * Messages, each with its card beside its files.
 *
 * @template {{card?: Card, redacted?: boolean, attachments?: Attachment[]}} T
 * @param {T[]} messages
 * @param {(message: T) => string} key
 * @returns {T[]}
 */
export function withCards(messages, key) {
    return messages.map((it) => !it.card || it.redacted ? it : {
        ...it, attachments: [...it.attachments || [], /** @type {any} */ (
            { card: it.card, key: key(it) })],
    });
}


/** @type {Record<string, Kind>} */
const KINDS = {
    choices({ options = [] }, { t }) {
        const rows = options.map((it) => {
            const mark = h('span', { class: 'hidden' });

            return { id: it.id, mark, node: h('li', {},
                     h('span', { dir: 'auto' }, it.text), ' ', mark) };
        });

        return {
            nodes: [h('ul', {}, ...rows.map(({ node }) => node))],
            fill: (to) => rows.forEach(({ id, mark, node }) => {
                const chosen = to?.options?.includes(id);

                attr(node, 'data-chosen', chosen);
                text(mark, chosen ? t('card.chosen') : '');
            }),
        };
    },

    rating(_, { t }) {
        const stars = h('p', {});
        const comment = h('p', { class: 'comment', dir: 'auto' });

        return {
            nodes: [stars, comment],
            fill(to) {
                text(stars, to?.rating ? t('card.rated', {
                    rating: to.rating, most: STARS }) : t('card.scale'));
                text(comment, to?.comment || '');
                attr(comment, 'hidden', !to?.comment);
            },
        };
    },

    form({ fields = [] }, { pick }) {
        const rows = fields.map(({ name, label }) => ({
            name, title: pick(label) || name,
            value: h('dd', { class: 'comment', dir: 'auto' }) }));

        return {
            nodes: [h('dl', {}, ...rows.flatMap(({ title, value }) => [
                h('dt', { dir: 'auto' }, title), value]))],
            fill: (to) => rows.forEach(({ name, value }) =>
                text(value, to?.fields?.[name] || '–')),
        };
    },

    links({ links = [] }) {
        return {
            nodes: [h('ul', { class: 'links' }, ...links.map((it) => h('li',
                {}, h('a', { href: it.url, dir: 'auto', target: '_blank',
                             rel: 'noopener noreferrer nofollow' },
                      it.title))))],
            fill() {},
        };
    },
};


/**
 * The cards of the log.
 *
 * @param {Wording} i18n
 */
export function createCards(i18n) {
    const { t, full } = i18n;
    /** @type {Map<HTMLElement, {key: string,
     *     fill: (answer: ChatEvent | undefined) => void}>} */
    const shown = new Map();

    return {
        /**
         * A card of a kind that is not known here is its text alone.  What is
         * read out is the line of an answer.
         *
         * @param {Asked} it
         */
        show({ card, key }) {
            const { type } = card;

            if (!Object.hasOwn(KINDS, type)) {
                return h('div', { hidden: true });
            }

            const { nodes, fill } = KINDS[type](card, i18n);
            const status = h('p', { hidden: type === 'links' });
            const element = h('div', { 'class': 'asked',
                                       'aria-live': 'off' },
                              ...nodes, status);

            shown.set(element, { key, fill(answer) {
                fill(answer?.response);
                text(status, answer ? t('card.answered', {
                    time: full(answer.created_at || '') }) : t('card.open'));
            } });

            return element;
        },

        /**
         * Of several answers the last one counts.
         *
         * @param {ChatEvent[]} events
         */
        update(events) {
            if (!shown.size) {
                return;
            }

            const seqs = new Map(events.map((it) => [eventKey(it), it.seq]));
            const answers = new Map(events.flatMap((it) =>
                it.response ? [[it.to, it]] : []));

            shown.forEach(({ key, fill }, element) => {
                if (element.isConnected) {
                    fill(answers.get(seqs.get(key)));
                } else {
                    shown.delete(element);
                }
            });
        },
    };
}
