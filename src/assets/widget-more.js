/* Copyright (C) the ngx_http_chat_module authors */

import { adopt, attr, h, text } from './kernel.js';
import { earlier, later } from './calls.js';
import { plainName } from './i18n.js';

/*
 * What can be done with a conversation besides writing.
 */

const STYLE = `
.menu {
    position: absolute;
    z-index: 1;
    inset-block-start: 60px;
    inset-inline-end: 12px;
    display: grid;
    min-inline-size: 200px;
    max-inline-size: calc(100% - 24px);
    padding: 6px;
    border: 1px solid var(--border);
    border-radius: 12px;
    background: var(--bg);
    box-shadow: 0 8px 28px rgb(10 20 50 / .24);
}
.menu button { min-block-size: 44px; border-color: transparent;
    text-align: start; font-size: .9375rem }
@media (forced-colors: active) { .menu { border-color: CanvasText } }`;


/**
 * @param {HTMLElement} element
 * @param {I18n} i18n
 * @param {import('./widget-view.js').WidgetActions} actions
 * @param {Settings} settings
 */
export function createMore(element, i18n, actions, settings) {
    const { t } = i18n;
    /** @type {import('./widget-state.js').WidgetState} */
    let state;

    /**
     * @param {string} label
     * @param {() => void} onclick
     */
    const item = (label, onclick) => h('button', { type: 'button', onclick },
                                       label);

    const begin = item(t('begin'), actions.begin);
    const sound = item('', () => {
        actions.keepQuiet(!actions.quiet());
    });
    const save = item(t('more.save'), async () => {
        const { talk } = state;

        if (talk) {
            const all = await transcript(actions.api(), talk.id, i18n);

            download(all, `${t('title')}.txt`);
        }
    });
    const end = item(t('more.end'), actions.end);

    adopt(element, STYLE);
    element.append(begin, sound, save, end);

    return {
        /** @param {import('./widget-state.js').WidgetState} next */
        update(next) {
            const { talk, list } = next;
            const status = list.find((it) => it.id === talk?.id)?.status;

            state = next;
            text(sound, t(actions.quiet() ? 'more.sound' : 'more.quiet'));
            attr(sound, 'hidden', settings.sound === 'off');
            attr(begin, 'hidden', !!settings.single);
            attr(save, 'hidden', !talk);
            attr(end, 'hidden', !talk || status === 'resolved');
        },
    };
}


/**
 * A conversation from its beginning, as text.
 *
 * @param {Api} api
 * @param {string} id
 * @param {I18n} i18n
 */
export async function transcript(api, id, i18n) {
    let page = await later(api, id);
    let { events } = page;

    while (page.more && page.events.length) {
        page = await earlier(api, { id, events });
        events = [...page.events, ...events];
    }

    return events.filter((it) => it.type === 'message').map((it) => {
        const { kind, name } = it.sender;
        const who = kind === 'visitor' ? i18n.t('who.me')
                    : plainName(name || '') || i18n.t(`who.${kind}`);

        const lines = [it.text, ...(it.attachments || []).map(
            ({ name }) => `[${name}]`)].filter(Boolean).join('\n');

        return `${i18n.full(it.created_at || '')} ${who}\n${lines}\n`;
    }).join('\n');
}


/**
 * @param {string} body
 * @param {string} name
 */
function download(body, name) {
    const url = URL.createObjectURL(new Blob(
        ['\ufeff', body], { type: 'text/plain;charset=utf-8' }));

    h('a', { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
}
