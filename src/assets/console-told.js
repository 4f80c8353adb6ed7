/* Copyright (C) the ngx_http_chat_module authors */

import { ALERTS, WAYS } from './console-alerts.js';
import { h, text } from './kernel.js';

/*
 * A table of what an agent is told of, and how.
 */


/**
 * @param {Wording} i18n
 * @param {ReturnType<typeof
 *     import('./console-notice.js').createNotice>} notice
 */
export function createTold({ t }, notice) {
    const status = h('p', { class: 'said', role: 'status' });

    return h('div', {},
             h('h3', { id: 'told' }, t('me.alerts')),
             h('table', { 'class': 'told', 'aria-labelledby': 'told' },
               h('thead', {}, h('tr', {}, h('td', {}), ...WAYS.map(
                   (way) => h('th', { scope: 'col' }, t(`me.way.${way}`))))),
               h('tbody', {}, ...ALERTS.map((alert) => h('tr', {},
                   h('th', { scope: 'row' }, t(`me.alert.${alert}`)),
                   ...WAYS.map((way) => h('td', {}, box(alert, way))))))),
             status);

    /**
     * @param {import('./console-alerts.js').Alert} alert
     * @param {import('./console-alerts.js').Way} way
     */
    function box(alert, way) {
        const node = h('input', {
            'type': 'checkbox', onchange: () => change(),
            'aria-label': `${t(`me.alert.${alert}`)}: ${t(`me.way.${way}`)}`,
        });

        node.checked = notice.wants(alert, way);

        return node;

        async function change() {
            const denied = way === 'desktop' && node.checked
                           && !await notice.allow();

            if (denied) {
                node.checked = false;
            }

            text(status, denied ? t('me.denied') : '');
            notice.want(alert, way, node.checked);
        }
    }
}
