/* Copyright (C) the ngx_http_chat_module authors */

/*
 * The ways by which files come into the panel, where the server takes any.
 */

/** @type {Record<string, Record<string, string>>} */
export const WORDS = {
    en: { attach: 'Attach a file' },
    ar: { attach: 'إرفاق ملف' },
    he: { attach: 'צירוף קובץ' },
};

const PLUS = 'M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6Z';


/** @param {import('./widget-view.js').Lent} lent */
export function offer(lent) {
    const { actions, attachments, button, composer, i18n, panel } = lent;

    if (lent.offered) {
        return;
    }

    lent.offered = true;
    composer.input.before(button(
        (WORDS[i18n.lang] || WORDS.en).attach, PLUS,
        async () => (await attachments()).choose()));

    /* Files that are pasted, or dropped anywhere. */
    for (const name of ['paste', 'dragover', 'drop']) {
        panel.addEventListener(name, (/** @type {any} */ event) => {
            const data = event.clipboardData || event.dataTransfer;

            if (data?.types.includes('Files')) {
                /* the browser empties its list when the event is over */
                const more = [...data.files];

                event.preventDefault();
                attachments().then((all) => all.add(more));
            }
        });
    }

    if (actions.memory.draft('#files')) {
        attachments();
    }
}
