/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, keyed, text } from './kernel.js';
import { createCustomer } from './console-customer.js';
import { createEscalate } from './console-escalate.js';
import { plainName } from './i18n.js';

const PRIORITIES = ['urgent', 'high', 'normal', 'low'];
const HOUR = 3600000;
const MORNING = 9;

/** @typedef {import('./console-state.js').ConsoleState} ConsoleState */


/**
 * When to wake: in an hour, in three, tomorrow morning, on Monday morning.
 *
 * @param {Date} now
 * @returns {[string, Date][]}
 */
export function snoozes(now) {
    /** @param {number} days */
    const morning = (days) => new Date(now.getFullYear(), now.getMonth(),
                                       now.getDate() + days, MORNING);

    return [['hour', new Date(now.getTime() + HOUR)],
            ['later', new Date(now.getTime() + 3 * HOUR)],
            ['tomorrow', morning(1)],
            ['monday', morning((8 - now.getDay()) % 7 || 7)]];
}


/**
 * The panel beside a conversation: what becomes of it, and who the customer
 * is.
 *
 * @param {Wording} i18n
 * @param {object} actions
 * @param {(change: Change) => Promise<void>} actions.change
 * @param {ReturnType<typeof
 *     import('./console-notice.js').createNotice>} actions.notice
 * @param {Api} actions.api
 * @param {Store<ConsoleState, any>} actions.store
 * @param {(id: string) => void} actions.show
 * @param {() => void} actions.close
 */
export function createSide(i18n, { change, notice, close, ...actions }) {
    const { t } = i18n;
    const customer = createCustomer(i18n, actions);
    const escalate = createEscalate(i18n, wish);
    /** @type {ConsoleState | null} */
    let now = null;

    /**
     * What was refused is shown as it is.
     *
     * @param {Change} wanted
     */
    async function wish(wanted) {
        await change(wanted);

        if (now?.conversation) {
            until.value = '';
            attr(moment, 'hidden', true);
            fields(now.conversation, now);
        }
    }

    /**
     * @param {string} id
     * @param {(value: string) => void} onchange
     */
    const select = (id, onchange) => {
        const node = h('select', { id, onchange: () => onchange(node.value) });

        return node;
    };

    const status = select('status', (value) => {
        if (value === 'snoozed') {
            status.value = now?.conversation?.status || '';
            until.focus();
        } else {
            wish({ status: /** @type {Status} */ (value) });
        }
    });
    const until = select('until', (value) => {
        const [, time] = snoozes(new Date()).find(
            ([name]) => name === value) || [];

        attr(moment, 'hidden', value !== 'at');

        if (value === 'at') {
            at.focus();
        } else if (value !== '') {
            wish({ snoozed_until: time ? time.toISOString() : null });
        }
    });
    const at = h('input', { type: 'datetime-local',
                            'aria-label': t('snooze.at') });
    const moment = h('form', { class: 'moment', hidden: true }, at,
                     h('button', { type: 'submit' }, t('records.save')));
    const assignee = select('assignee', (value) =>
        wish({ assignee: value || null }));
    /* To a team it goes without the agent who had it. */
    const team = select('team', (value) =>
        wish(value ? { team: value, assignee: null } : { team: null }));
    const priority = select('priority', (value) =>
        wish({ priority: value === 'normal' ? null
                         : /** @type {Priority} */ (value) }));
    const labels = h('fieldset', { class: 'labels' },
                     h('legend', {}, t('side.labels')));
    const choices = h('div', {});
    /** @type {string[] | null} labels that are asked for */
    let picked = null;
    const mute = h('button', { type: 'button', onclick() {
        notice.mute(now?.selected || '');
        muted();
    } });
    const body = h('div', { class: 'body' },
                   field('status', status),
                   field('until', until), moment,
                   field('assignee', assignee),
                   field('team', team),
                   field('priority', priority),
                   labels, escalate.element, mute, customer.element);
    const shut = h('button', { type: 'button', onclick: close },
                   t('side.close'));
    const element = h('aside', { class: 'pane side', id: 'side',
                                 'aria-label': t('side.label') },
                      h('header', { class: 'head' },
                        h('h2', {}, t('side.label')), shut), body);

    labels.append(choices);

    moment.addEventListener('submit', (event) => {
        const time = new Date(at.value);

        event.preventDefault();

        if (time > new Date()) {
            wish({ snoozed_until: time.toISOString() });
        }
    });

    /**
     * @param {string} name
     * @param {HTMLElement} control
     */
    function field(name, control) {
        return h('div', { class: 'field' },
                 h('label', { for: control.id }, t(`side.${name}`)), control);
    }

    function muted() {
        text(mute, t(notice.isMuted(now?.selected || '') ? 'notice.unmute'
                                                         : 'notice.mute'));
    }

    return {
        element,
        focus: () => shut.focus(),
        shown: () => element.offsetParent !== null,
        assignee,
        team,
        until,
        status,
        escalate: escalate.open,
        labels: () => labels.querySelector('input')?.focus(),

        /** @param {ConsoleState} state */
        update(state) {
            const { conversation: it, desk, away, list, view } = state;
            const before = now;

            now = state;

            if (before && it === before.conversation && desk === before.desk
                && away === before.away && list === before.list
                && view === before.view)
            {
                return;
            }

            attr(body, 'hidden', it === null);

            if (it === null) {
                return;
            }

            if (it.id !== before?.conversation?.id) {
                picked = null;
                at.value = '';
                attr(moment, 'hidden', true);
            }

            fields(it, state);
            snooze(it, before?.conversation);
            escalate.update(state);
            customer.update(state, it);
            muted();
        },
    };

    /**
     * @param {Summary} it
     * @param {ConsoleState} state
     */
    function fields(it, { desk, away }) {
        for (const node of [status, until, at, assignee, team, priority,
                            labels])
        {
            node.disabled = away > 0;
        }

        options(status, ['open', 'pending', 'snoozed', 'resolved'].map(
            (name) => [name, t(`status.${name}`)]), it.status);
        options(assignee, [
            ['', t('talk.unassigned')],
            ...people(it, desk.agents)], it.assignee?.id || '');
        options(team, [
            ['', t('side.noteam')],
            ...desk.teams.map(({ id, name }) =>
                /** @type {[string, string]} */ ([id, name]))],
                it.team?.id || '');
        options(priority, PRIORITIES.map(
            (name) => [name, t(`priority.${name}`)]),
                it.priority || 'normal');
        tags(it, desk.labels);
    }

    /**
     * What is being chosen stays until it is another time, or conversation.
     *
     * @param {Summary} it
     * @param {Summary | null} [had]
     */
    function snooze(it, had) {
        const left = sleeps(it);

        if (had?.id === it.id && sleeps(had) === left
            && until.options.length)
        {
            return;
        }

        options(until, [
            ['', left ? t('snooze.until', { time: i18n.full(left) })
                 : t('snooze.not')],
            ...(left ? /** @type {[string, string][]} */ (
                           [['wake', t('snooze.wake')]]) : []),
            ...snoozes(new Date()).map(([name]) =>
                /** @type {[string, string]} */ (
                    [name, t(`snooze.${name}`)])),
            ['at', t('snooze.at')]], '');
        attr(moment, 'hidden', true);
    }

    /**
     * @param {Summary} it
     * @param {Label[]} known
     */
    function tags(it, known) {
        const had = it.labels || [];
        const all = [...new Set([...known.map(({ name }) => name), ...had])];

        attr(labels, 'hidden', !all.length);
        keyed(choices, all, (name) => name, (name) => {
            const box = h('input', { type: 'checkbox', onchange: () =>
                pick(name, box.checked) });

            return h('label', { class: 'choice' }, box,
                     h('bdi', {}, plainName(name)));
        }, (node, name) => {
            node.children[0].checked = (picked || had).includes(name);
        });
    }

    /**
     * One label more or less than those there are, or are asked for.
     *
     * @param {string} name
     * @param {boolean} on
     */
    async function pick(name, on) {
        const others = (picked || now?.conversation?.labels || []).filter(
            (label) => label !== name);
        const mine = on ? [...others, name] : others;

        picked = mine;
        await change({ labels: mine });

        if (picked === mine) {
            picked = null;

            if (now?.conversation) {
                tags(now.conversation, now.desk.labels);
            }
        }
    }
}


/** @param {Summary} it */
function sleeps({ status, snoozed_until: until }) {
    return status === 'snoozed' && until || null;
}


/**
 * Who can have it, and who has it.
 *
 * @param {Summary} it
 * @param {Colleague[]} agents
 * @returns {[string, string][]}
 */
function people({ assignee }, agents) {
    const all = agents.filter(({ disabled }) => !disabled)
                      .map(({ id, name }) => ({ id, name }));

    if (assignee && !all.some(({ id }) => id === assignee.id)) {
        all.push({ id: assignee.id, name: assignee.name || '' });
    }

    return all.map(({ id, name }) => [id, name]);
}


/**
 * @param {HTMLSelectElement} select
 * @param {[string, string][]} entries
 * @param {string} value
 */
function options(select, entries, value) {
    keyed(select, entries, ([id]) => id,
          ([id]) => h('option', { value: id }),
          (node, [, label]) => text(node, plainName(label)));

    if (select.value !== value) {
        select.value = value;
    }
}
