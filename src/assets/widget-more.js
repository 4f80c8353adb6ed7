/* Copyright (C) the ngx_http_chat_module authors */

import { adopt, attr, h, text } from './kernel.js';
import { change, earlier, later } from './calls.js';
import { plainName } from './i18n.js';

/*
 * What can be done with a conversation besides writing.
 */

/** @type {Record<string, Record<string, string>>} */
export const WORDS = {
    en: {
        save: 'Download conversation',
        end: 'End conversation',
        sound: 'Turn sound on',
        quiet: 'Turn sound off',
    },
    ar: {
        save: 'تنزيل المحادثة',
        end: 'إنهاء المحادثة',
        sound: 'تشغيل الصوت',
        quiet: 'كتم الصوت',
    },
    he: {
        save: 'הורדת השיחה',
        end: 'סיום השיחה',
        sound: 'הפעלת צליל',
        quiet: 'השתקת צליל',
    },
};

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
    const { memory } = actions;
    const words = WORDS[i18n.lang] || WORDS.en;
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
        memory.keepQuiet(!memory.quiet());
    });
    const save = item(words.save, async () => {
        const { talk } = state;

        if (talk) {
            const all = await transcript(actions.api(), talk.id, i18n);

            download(all, `${t('title')}.txt`);
        }
    });
    const end = item(words.end, () => {
        const { talk } = state;

        if (talk) {
            change(actions.api(), talk.id, { status: 'resolved' })
                .catch(actions.wrong);
        }
    });

    adopt(element, STYLE);
    element.append(begin, sound, save, end);

    return {
        /** @param {import('./widget-state.js').WidgetState} next */
        update(next) {
            const { talk, list } = next;
            const status = list.find((it) => it.id === talk?.id)?.status;

            state = next;
            text(sound, memory.quiet() ? words.sound : words.quiet);
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

    const full = new Intl.DateTimeFormat(i18n.lang, {
        dateStyle: 'medium', timeStyle: 'short' });

    return events.filter(({ type }) => type === 'message'
                                       || type === 'response').map((it) => {
        const { kind, name } = it.sender;
        const who = kind === 'visitor' ? i18n.t('who.me')
                    : plainName(name || '') || i18n.t(`who.${kind}`);

        const lines = [it.redacted ? i18n.t('message.redacted') : it.text, ...(it.attachments || []).map(
            ({ name }) => `[${name}]`)].filter(Boolean).join('\n');

        const at = full.format(new Date(it.created_at || ''));

        return `${at} ${who}\n${lines}\n`;
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
