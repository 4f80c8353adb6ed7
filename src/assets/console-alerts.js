/* Copyright (C) the ngx_http_chat_module authors */

/*
 * What an agent is told of, and how: by a sound, by a note on the desktop, by
 * the count in the title.
 */

/** @typedef {'none' | 'team' | 'mine' | 'assigned' | 'mention'} Alert */
/** @typedef {'sound' | 'desktop' | 'title'} Way */

/**
 * What is known of a conversation: the last message, how often it mentions
 * the agent, whose it is.
 *
 * @typedef {{seq: number, mentions: number, assignee: string, team: string}}
 *     Known
 */

/** @type {Alert[]} */
export const ALERTS = ['none', 'team', 'mine', 'assigned', 'mention'];

/** @type {Way[]} */
export const WAYS = ['sound', 'desktop', 'title'];


/**
 * What is wanted of all this, as it is kept: what is not as usual.  Notes on
 * the desktop have to be allowed first.
 *
 * @param {{get: (name: string) => string,
 *          put: (name: string, value: string) => void}} keeper
 */
export function createWants({ get, put }) {
    const others = () => new Set(get('alerts').split(' '));

    /** @param {Way} way */
    const usual = (way) => way !== 'desktop';

    return {
        /**
         * @param {Alert} alert
         * @param {Way} way
         */
        wants: (alert, way) => usual(way) !== others().has(`${alert}.${way}`),

        /**
         * @param {Alert} alert
         * @param {Way} way
         * @param {boolean} on
         */
        want(alert, way, on) {
            const all = others();

            all[on === usual(way) ? 'delete' : 'add'](`${alert}.${way}`);
            put('alerts', [...all].join(' ').trim());
        },
    };
}


/**
 * @param {Summary} item
 * @returns {Known}
 */
export function knownOf({ last, mentions = 0, assignee, team }) {
    return { seq: last?.seq || 0, mentions, assignee: assignee?.id || '',
             team: team?.id || '' };
}


/**
 * What can be said of a conversation that was not known.  That it is the
 * agent's is news unless something is said in it that is not the first.
 *
 * @param {Summary} item
 * @returns {Known}
 */
export function unknown(item) {
    const { seq, assignee, team } = knownOf(item);
    const old = seq > 1 && item.unread > 0;

    return { seq: 0, mentions: 0, assignee: old ? assignee : '',
             team: old ? team : '' };
}


/**
 * What there is to tell.
 *
 * @param {Summary} item
 * @param {Known} had
 * @param {string} me
 * @param {string[]} teams the agent's
 * @returns {Alert[]}
 */
export function alertsOf(item, had, me, teams) {
    const { seq, mentions, assignee, team } = knownOf(item);
    const asked = seq > had.seq && item.unread > 0
                  && item.last?.sender.kind === 'visitor';
    const free = assignee === '';
    const ours = free && teams.includes(team);
    /** @type {Record<Alert, boolean>} */
    const all = {
        none: free && !ours && asked,
        team: ours && (asked || team !== had.team),
        mine: assignee === me && asked,
        assigned: assignee === me && had.assignee !== me,
        mention: mentions > had.mentions,
    };

    return ALERTS.filter((alert) => all[alert]);
}


/**
 * What of a conversation waits for the agent.
 *
 * @param {Summary} item
 * @param {string} me
 * @param {string[]} teams the agent's
 * @returns {Alert[]}
 */
export function waits({ status, unread, assignee, team }, me, teams) {
    return unread <= 0 || status === 'resolved' ? []
           : assignee ? assignee.id === me ? ['mine'] : []
           : team && teams.includes(team.id) ? ['team'] : ['none'];
}
