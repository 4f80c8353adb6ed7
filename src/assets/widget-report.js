/* Copyright (C) the ngx_http_chat_module authors */

import { latest, status, unseen } from './widget-state.js';
import { part } from './part.js';

/*
 * What the page that holds the widget is told of, and what is done about a
 * message that comes while nobody looks.
 */

const news = part((suffix) => import('./widget-news.js' + suffix));


/**
 * @param {import('./widget-state.js').WidgetState} before
 * @param {Frame} frame
 * @param {{quiet: () => boolean}} memory
 * @returns {(state: import('./widget-state.js').WidgetState) => void}
 */
export function report(before, { emit, settings }, memory) {
    /**
     * @param {typeof before} from
     * @param {typeof before} to
     * @param {string} event
     */
    const come = (from, to, event) => to.talk?.here.forEach(
        ({ kind, id, name }) => kind === 'agent'
            && !from.talk?.here.some((it) => it.id === id)
            && emit(event, { id, name }));

    return (now) => {
        const was = before;
        const count = unseen(now);
        const last = latest(now);
        const had = latest(was);

        before = now;

        /* What another conversation has shown is not new. */
        const same = was.talk?.id === now.talk?.id;

        if (last && same && last.seq > (had?.seq || 0)) {
            emit('message:received', last);
        }

        for (const item of was.outgoing) {
            if (!now.outgoing.some((it) => it.id === item.id)
                && item.state !== 'failed' && !item.to)
            {
                emit('message:sent', { text: item.text, id: item.id });
            }
        }

        if (was.lane !== now.lane && was.lane.startsWith('new:')
            && now.talk?.id === now.lane && !was.list.some(
                (it) => it.id === now.lane))
        {
            emit('conversation:start', { conversation: now.lane });
        }

        if (same && was.talk && status(was) !== status(now)
            && status(now) === 'resolved')
        {
            emit('conversation:end', { conversation: now.lane });
        }

        if (same && was.talk?.typing.length !== now.talk?.typing.length) {
            emit('typing', { on: !!now.talk?.typing.length });
        }

        if (same) {
            come(was, now, 'agent:join');
            come(now, was, 'agent:leave');
        }

        if (was.line.up !== now.line.up || was.phase !== now.phase) {
            emit('status', { online: now.line.up && now.phase === 'ready' });
        }

        const looks = now.open && now.visible && document.hasFocus();

        if (unseen(was) !== count) {
            emit('unread', { count });
        }

        if (was.phase === 'ready' && count > unseen(was) && !looks
            && settings.sound !== 'off' && !memory.quiet())
        {
            news().then(({ sound }) => sound());
        }

        if (count || unseen(was)) {
            news().then(({ title }) => title(
                count && !now.visible ? String(count) : ''));
        }
    };
}
