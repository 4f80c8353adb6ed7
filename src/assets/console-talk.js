/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, text } from './kernel.js';
import { withTools, createEdits, notYet } from './console-edits.js';
import { createCards, withCards } from './console-card.js';
import { createLog } from './log.js';
import { createReply } from './console-reply.js';
import { createTypingLine } from './typing.js';
import { eventKey, messageKey } from './talk.js';
import { formatted } from './console-format.js';
import { names } from './names.js';
import { plainName, problemText } from './i18n.js';
import { self } from './console-state.js';
import { visitorName } from './console-inbox.js';


/**
 * @typedef {object} TalkActions
 * @property {Api} api
 * @property {Store<import('./console-state.js').ConsoleState, any>} store
 * @property {ReturnType<typeof
 *     import('./console-drafts.js').createKeeper>} keeper
 * @property {() => void} [back]
 * @property {() => void} [side]
 * @property {() => void} earlier
 * @property {(seq: number) => void} seen
 * @property {(id: string, on: boolean, internal: boolean) => boolean} typing
 * @property {(text: string, visibility: Outgoing['visibility'],
 *     attachments: Attachment[] | undefined, card?: Card) => void} send
 * @property {(id: string) => void} retry
 * @property {(id: string) => void} discard
 * @property {(change: Change) => Promise<void>} change
 */


/**
 * An attachment: pictures are shown, everything else is saved.
 *
 * @param {Attachment} it
 */
function file(it) {
    const url = `../v1/attachments/${it.id}?role=agent`;
    const drawn = it.width && it.height
                  && /^image\/(png|jpeg|gif|webp|avif)$/.test(it.type);

    return h('div', { class: 'file' },
             h('a', { href: url, target: '_blank', rel: 'noopener',
                      download: drawn ? null : it.name },
               ...(drawn ? [h('img', { src: url, alt: '', width: it.width,
                                       height: it.height })] : []),
               h('bdi', {}, plainName(it.name))));
}


/**
 * What has happened besides messages and changes of status.
 *
 * @param {ChatEvent} event
 * @param {Wording} i18n
 */
export function told(event, { t, full }) {
    const name = event.sender.name || t(`who.${event.sender.kind}`);
    const { type, team, priority, labels, snoozed_until: until,
            assignee, reason } = event;

    return type !== 'change' && type !== 'assignment' ? '' : [
        assignee && t('change.assigned', { name,
                                           assignee: assignee.name || '' }),
        assignee === null && t('change.unassigned', { name }),
        team && t('change.team', { name, team: team.name || '' }),
        team === null && t('change.noteam', { name }),
        priority !== undefined && t('change.priority', {
            name, priority: t(`priority.${priority || 'normal'}`) }),
        labels && (labels.length
                   ? t('change.labels', { name, labels: labels.join(', ') })
                   : t('change.nolabels', { name })),
        until && t('change.until', { name, time: full(until) }),
        reason && t('change.reason', { reason }),
    ].filter(Boolean).join(' ');
}


/**
 * The selected conversation.
 *
 * @param {Wording} i18n
 * @param {TalkActions} actions
 */
export function createTalk(i18n, actions) {
    const { t } = i18n;
    /** @type {import('./console-state.js').ConsoleState | null} */
    let now = null;
    /** @type {unknown[]} what the log was last drawn of */
    let logged = [];

    const edits = createEdits(i18n, { ...actions, back: () =>
        log.element.focus() });
    const cards = createCards(i18n);
    const log = createLog({
        i18n, label: t('log.label'), other: 'visitor',
        onearlier: actions.earlier, onseen: actions.seen,
        onretry: actions.retry, ondiscard: actions.discard,
        format({ event }, said, nodes) {
            if (event?.sender.kind !== 'visitor') {
                nodes[0].before(...formatted(said));
                nodes.forEach((node) => node.remove());
            }
        },
        file: (it) => 'of' in it ? edits.tools(/** @type {any} */ (it))
                      : 'card' in it ? cards.show(/** @type {any} */ (it))
                      : file(it),
        told: (event) => told(event, i18n),
    });
    const reply = createReply(i18n, actions);
    const typists = createTypingLine(i18n);
    const name = h('bdi', {});
    const verified = h('span', { class: 'badge' });
    const blocked = h('span', { class: 'badge barred', hidden: true },
                      t('talk.blocked'));
    const facts = h('p', { class: 'facts' });
    const assign = h('button', { type: 'button', onclick: take });
    const resolve = h('button', { type: 'button', onclick: finish });
    const details = h('button', { type: 'button', onclick: actions.side,
                                  'aria-controls': 'side' },
                      t('side.label'));
    const back = h('button', { type: 'button', class: 'back',
                               onclick: actions.back }, t('talk.back'));
    const top = h('header', { class: 'head' }, back,
                  h('div', { class: 'title' },
                    h('h2', {}, name, ' ', verified, ' ', blocked), facts),
                  h('div', { class: 'actions' }, assign, resolve, details));
    const problem = h('p', { class: 'problem', role: 'alert' });
    const anyway = h('button', { type: 'button', onclick: sendAnyway,
                                 'aria-keyshortcuts': 'Alt+Enter' },
                     t('stale.send'));
    const stale = h('div', { class: 'stale', role: 'alert', hidden: true });
    const status = h('p', { class: 'empty', role: 'status' });
    const element = h('main', { class: 'pane talk' }, top, problem, status,
                      log.element, typists.element, stale, reply.element,
                      edits.element);

    function take() {
        actions.change({ assignee: assigned() ? null
                                   : now?.agent?.id || null });
    }

    function finish() {
        actions.change({ status: now?.conversation?.status === 'resolved'
                                 ? 'open' : 'resolved' });
    }

    /** What was held back as others had written meanwhile. */
    function held() {
        return (now?.outgoing || []).filter(
            (item) => item.lane === now?.selected && item.reason === 'stale'
                      && item.state === 'failed');
    }

    function sendAnyway() {
        held().forEach((item) => actions.retry(item.id));
        reply.focus();
    }

    return {
        element,
        focus: () => (back.offsetParent ? back : details).focus(),
        reply,
        log: log.element,
        edit: edits.last,
        take,
        finish,
        sendAnyway,

        /** The pane has become visible. */
        shown: () => log.toEnd(),

        /** @param {boolean} on whether the panel beside it is open */
        expanded: (on) => attr(details, 'aria-expanded', String(on)),

        /** @param {import('./console-state.js').ConsoleState} state */
        update(state) {
            const { conversation, talk, selected } = state;
            const ready = selected !== '' && talk !== null;

            now = state;
            reply.update(state);
            header(conversation, talk, state.away > 0);
            text(problem, state.won
                          ? t('talk.won', { name: state.won })
                          : state.problem === 'conflict' ? t('talk.conflict')
                          : state.problem ? problemText(i18n, state.problem)
                          : '');
            text(status, selected === '' ? t('talk.none')
                         : ready || state.problem ? ''
                         : t('talk.starting'));
            attr(status, 'hidden', ready);
            attr(log.element, 'hidden', !ready);
            attr(reply.element, 'hidden', !ready);
            attr(typists.element, 'hidden', !ready);
            typists.update(talk ? talk.typing : []);
            warn();

            const seen = [talk, selected, state.outgoing, state.agent];

            if (!seen.every((it, i) => it === logged[i])) {
                logged = seen;
                record(talk, state.outgoing.filter(
                           (item) => item.lane === selected), self(state));
            }
        },
    };

    /**
     * @param {Talk | null} talk
     * @param {Outgoing[]} outgoing
     * @param {Person} me
     */
    function record(talk, outgoing, me) {
        const events = talk ? talk.events : [];

        log.update(talk && { ...talk, events: withCards(withTools(events, me),
                                                        eventKey) },
                   withCards(notYet(outgoing, events, me),
                             ({ id }) => messageKey(me, id)), me);
        cards.update(events);
    }

    /** Says who was quicker, with one key to send all the same. */
    function warn() {
        const item = held()[0];
        const shown = stale.firstElementChild !== null;

        attr(stale, 'hidden', !item);

        if (item && !shown) {
            const others = (now?.talk?.events || []).filter(
                (event) => event.type === 'message'
                           && event.sender.kind === 'agent'
                           && event.sender.id !== now?.agent?.id
                           && event.seq > (item.expected_seq || 0));

            stale.replaceChildren(
                h('p', {}, others.length
                  ? t('stale.by', { name: names(others.slice(-1).map(
                        (event) => event.sender), i18n) })
                  : t('problem.stale')),
                anyway);
        } else if (!item && shown) {
            stale.replaceChildren();
        }
    }

    function assigned() {
        return now?.conversation?.assignee?.id === now?.agent?.id;
    }

    /**
     * @param {Summary | null} conversation
     * @param {Talk | null} talk
     * @param {boolean} away
     */
    function header(conversation, talk, away) {
        attr(top, 'hidden', conversation === null);

        if (conversation === null) {
            return;
        }

        const { visitor, assignee } = conversation;

        text(name, visitorName(visitor, i18n));
        text(verified, t(visitor.verified ? 'talk.verified'
                                          : 'talk.unverified'));
        attr(verified, 'data-verified', Boolean(visitor.verified));
        attr(blocked, 'hidden', !visitor.blocked);
        text(facts, [
            t(`status.${conversation.status}`),
            assignee ? t('talk.assignee', { name: assignee.name || '' })
                     : t('talk.unassigned'),
            ...queued(conversation),
            ...present(talk ? talk.here : []),
        ].join(' · '));
        text(assign, t(assigned() ? 'talk.release' : 'talk.take'));
        text(resolve, t(conversation.status === 'resolved' ? 'talk.reopen'
                                                           : 'talk.resolve'));
        assign.disabled = resolve.disabled = away;
    }

    /** @param {Summary} conversation */
    function queued({ queue }) {
        return !queue ? [] : [
            t('queue.place', { place: queue.position }),
            ...queue.wait === null ? []
            : [t('queue.wait', { count: Math.round(queue.wait / 60) })]];
    }

    /** @param {Person[]} here */
    function present(here) {
        const agents = here.filter((it) => it.kind === 'agent');

        return [
            ...(here.length > agents.length ? [t('talk.here')] : []),
            ...(agents.length ? [t('talk.also', { count: agents.length,
                                        name: names(agents, i18n) })] : []),
        ];
    }
}
