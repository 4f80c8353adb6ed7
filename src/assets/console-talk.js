/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, text } from './kernel.js';
import { createComposer } from './composer.js';
import { createLog } from './log.js';
import { problemText } from './i18n.js';
import { createTyping, createTypingLine } from './typing.js';
import { names } from './names.js';
import { self } from './console-state.js';
import { visitorName } from './console-inbox.js';

const MOST = 16384;


/**
 * @typedef {object} TalkActions
 * @property {() => void} back
 * @property {() => void} earlier
 * @property {(seq: number) => void} seen
 * @property {(id: string, on: boolean, internal: boolean) => boolean} typing
 * @property {(text: string, visibility: Outgoing['visibility']) => void} send
 * @property {(id: string) => void} retry
 * @property {(id: string) => void} discard
 * @property {(change: {status?: Status, assignee?: string | null}) => void
 *     } change
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
               h('bdi', {}, it.name)));
}


/**
 * The selected conversation.
 *
 * @param {I18n} i18n
 * @param {TalkActions} actions
 */
export function createTalk(i18n, actions) {
    const { t } = i18n;
    /** What is typed but not sent, by conversation. */
    /** @type {Map<string, string>} */
    const drafts = new Map();
    let shown = '';
    /** @type {import('./console-state.js').ConsoleState | null} */
    let now = null;

    const log = createLog({
        i18n, label: t('log.label'), other: 'visitor',
        onearlier: actions.earlier, onseen: actions.seen,
        onretry: actions.retry, ondiscard: actions.discard, file,
    });

    const typing = createTyping((on) => actions.typing(shown, on,
                                                       internal.checked));
    const typists = createTypingLine(i18n);
    const internal = h('input', { type: 'checkbox', onchange: mode });
    const composer = createComposer({
        label: t('composer.reply'), send: t('composer.send'), most: MOST,
        extra: [h('label', { class: 'toggle' }, internal,
                  h('span', {}, t('composer.internal')))],
        onsend: (value) => actions.send(value, internal.checked ? 'internal'
                                                                : 'public'),
        oninput(value) {
            drafts.set(shown, value);
            typing.input(value);
        },
    });

    const name = h('bdi', {});
    const verified = h('span', { class: 'badge' });
    const facts = h('p', { class: 'facts' });
    const assign = h('button', { type: 'button', onclick: () =>
        actions.change({ assignee: assigned() ? null
                                   : now?.agent?.id || null }) });
    const resolve = h('button', { type: 'button', onclick: () =>
        actions.change({ status: now?.conversation?.status === 'resolved'
                                 ? 'open' : 'resolved' }) });
    const back = h('button', { type: 'button', class: 'back',
                               onclick: actions.back }, t('talk.back'));
    const top = h('header', { class: 'head' }, back,
                  h('div', { class: 'title' },
                    h('h2', {}, name, ' ', verified), facts),
                  h('div', { class: 'actions' }, assign, resolve));
    const problem = h('p', { class: 'problem', role: 'alert' });
    const status = h('p', { class: 'empty', role: 'status' });
    const element = h('main', { class: 'pane talk' }, top, problem, status,
                      log.element, typists.element, composer.element);

    return {
        element,
        focus: () => back.focus(),

        /** @param {import('./console-state.js').ConsoleState} state */
        update(state) {
            const { conversation, talk, selected } = state;
            const ready = selected !== '' && talk !== null;

            now = state;

            if (selected !== shown) {
                typing.stop();
                shown = selected;
                internal.checked = false;
                mode();
                composer.set(drafts.get(selected) || '');
            }

            header(conversation, talk);
            text(problem, state.problem === 'conflict' ? t('talk.conflict')
                          : state.problem ? problemText(i18n, state.problem)
                          : '');
            text(status, selected === '' ? t('talk.none')
                         : ready || state.problem ? ''
                         : t('talk.starting'));
            attr(status, 'hidden', ready);
            attr(log.element, 'hidden', !ready);
            attr(composer.element, 'hidden', !ready);
            attr(typists.element, 'hidden', !ready);
            typists.update(talk ? talk.typing : []);
            log.update(talk, state.outgoing.filter(
                           (item) => item.lane === selected), self(state));
        },
    };

    function assigned() {
        return now?.conversation?.assignee?.id === now?.agent?.id;
    }

    /**
     * @param {Summary | null} conversation
     * @param {Talk | null} talk
     */
    function header(conversation, talk) {
        attr(top, 'hidden', conversation === null);

        if (conversation === null) {
            return;
        }

        const { visitor, assignee } = conversation;

        text(name, visitorName(visitor, i18n));
        text(verified, t(visitor.verified ? 'talk.verified'
                                          : 'talk.unverified'));
        attr(verified, 'data-verified', Boolean(visitor.verified));
        text(facts, [
            t(`status.${conversation.status}`),
            assignee ? t('talk.assignee', { name: assignee.name || '' })
                     : t('talk.unassigned'),
            ...present(talk ? talk.here : []),
        ].join(' · '));
        text(assign, t(assigned() ? 'talk.release' : 'talk.take'));
        text(resolve, t(conversation.status === 'resolved' ? 'talk.reopen'
                                                           : 'talk.resolve'));
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

    /** A note must not be mistaken for a reply. */
    function mode() {
        const note = internal.checked;
        const label = t(note ? 'composer.note' : 'composer.reply');
        const send = t(note ? 'composer.save' : 'composer.send');

        attr(composer.element, 'class', note ? 'composer noting'
                                             : 'composer');
        attr(composer.input, 'aria-label', label);
        attr(composer.input, 'placeholder', label);
        attr(composer.button, 'aria-label', send);
        attr(composer.button, 'title', send);
    }
}
