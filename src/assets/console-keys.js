/* Copyright (C) the ngx_http_chat_module authors */

import { h, keyed } from './kernel.js';
import { routeTo, routeToPage } from './console-route.js';

/*
 * What can be done by a key.  Keys are known by their place, so that they
 * are the same in every layout; the sheet of help lists all of them, finds
 * them by name, and does them.
 */

/**
 * @typedef {object} Command
 * @property {string} name
 * @property {string} keys as KeyboardEvent has it: modifiers and code
 * @property {() => void} run
 * @property {boolean} [open] only with a conversation
 */


/**
 * @param {Wording} i18n
 * @param {object} parts
 * @param {ReturnType<typeof
 *     import('./console-drafts.js').createKeeper>} parts.keeper
 * @param {Store<import('./console-state.js').ConsoleState, any>} parts.store
 * @param {(by: number) => void} parts.step
 * @param {(id: string) => void} parts.show
 * @param {{focus: () => void}} parts.views
 * @param {{focus: () => void, search: () => void}} parts.inbox
 * @param {ReturnType<typeof
 *     import('./console-talk.js').createTalk>} parts.talk
 * @param {ReturnType<typeof
 *     import('./console-side.js').createSide>} parts.panel
 * @param {() => void} parts.side
 */
export function createKeys(i18n, parts) {
    const { t } = i18n;
    const { keeper, store, step, show, views, inbox, talk, panel, side }
        = parts;

    /**
     * A control of the panel, which is opened for it.
     *
     * @param {() => void} focus
     */
    const within = (focus) => () => {
        if (!panel.shown()) {
            side();
        }

        focus();
    };

    /** @param {string} name */
    const view = (name) => () => {
        location.hash = routeTo({ name, value: '' });
    };

    /** @type {Command[]} */
    const commands = [
        { name: 'next', keys: 'Alt+KeyJ', run: () => step(1) },
        { name: 'previous', keys: 'Alt+KeyK', run: () => step(-1) },
        { name: 'search', keys: 'Slash', run: inbox.search },
        { name: 'reply', keys: 'Alt+KeyL', open: true,
          run: () => talk.reply.write(false) },
        { name: 'note', keys: 'Alt+KeyP', open: true,
          run: () => talk.reply.write(true) },
        { name: 'edit', keys: 'Alt+KeyU', open: true, run: talk.edit },
        { name: 'strong', keys: 'Mod+KeyB', open: true,
          run: () => talk.reply.mark('**') },
        { name: 'emphasis', keys: 'Mod+KeyI', open: true,
          run: () => talk.reply.mark('_') },
        { name: 'code', keys: 'Mod+KeyE', open: true,
          run: () => talk.reply.mark('`') },
        { name: 'attach', keys: 'Mod+Alt+KeyA', open: true,
          run: talk.reply.attach },
        { name: 'card', keys: 'Alt+KeyQ', open: true,
          run: () => talk.reply.ask() },
        { name: 'anyway', keys: 'Alt+Enter', open: true,
          run: talk.sendAnyway },
        { name: 'resolve', keys: 'Alt+KeyE', open: true, run: talk.finish },
        { name: 'finish', keys: 'Mod+Alt+KeyE', open: true, run() {
            talk.finish();
            step(1);
        } },
        { name: 'take', keys: 'Alt+KeyA', open: true, run: talk.take },
        { name: 'snooze', keys: 'Alt+KeyM', open: true,
          run: within(() => panel.until.focus()) },
        { name: 'assign', keys: 'Alt+KeyI', open: true,
          run: within(() => panel.assignee.focus()) },
        { name: 'transfer', keys: 'Alt+KeyT', open: true,
          run: within(() => panel.team.focus()) },
        { name: 'escalate', keys: 'Alt+KeyR', open: true,
          run: within(panel.escalate) },
        { name: 'labels', keys: 'Alt+KeyB', open: true,
          run: within(panel.labels) },
        { name: 'side', keys: 'Alt+KeyO', open: true, run: side },
        { name: 'messages', keys: 'Alt+KeyG', open: true,
          run: () => talk.log.focus() },
        { name: 'list', keys: 'Alt+KeyC', run: inbox.focus },
        { name: 'views', keys: 'Alt+KeyV', run: views.focus },
        { name: 'mine', keys: 'Alt+Digit1', run: view('mine') },
        { name: 'none', keys: 'Alt+Digit2', run: view('none') },
        { name: 'all', keys: 'Alt+Digit3', run: view('all') },
        { name: 'mentions', keys: 'Alt+Digit4', run: view('mentions') },
        { name: 'settings', keys: 'Alt+KeyS', run() {
            location.hash = routeToPage('me');
        } },
        { name: 'close', keys: 'Escape', run: () => show('') },
        { name: 'palette', keys: 'Mod+KeyK', run: () => help() },
        { name: 'help', keys: '?', run: () => help() },
    ];

    const field = h('input', { type: 'search', id: 'commands',
                               autocomplete: 'off', oninput: draw,
                               'aria-label': t('help.find') });
    const list = h('ul', { class: 'commands' });
    const singles = h('input', { type: 'checkbox', onchange() {
        keeper.put('keys', singles.checked ? '' : '0');
    } });
    const dialog = h('dialog', { class: 'help',
                                 'aria-labelledby': 'help-title' },
                     h('div', { class: 'head' },
                       h('h2', { id: 'help-title' }, t('help.title')),
                       h('button', { type: 'button',
                                     onclick: () => dialog.close() },
                         t('help.close'))),
                     field, list,
                     h('label', { class: 'toggle' }, singles,
                       h('span', {}, t('help.on'))));
    let active = false;

    field.addEventListener('keydown', (event) => {
        const first = list.querySelector('button');

        if (event.key === 'Enter' && first) {
            event.preventDefault();
            first.click();
        }
    });

    /** Those whose name holds what is typed. */
    function draw() {
        const wanted = field.value.trim().toLowerCase();
        const open = opened();

        keyed(list, commands.filter((it) => (open || !it.open)
                && t(`keys.${it.name}`).toLowerCase().includes(wanted)),
              ({ name }) => name,
              (it) => h('li', {}, h('button', { type: 'button', onclick() {
                  dialog.close();
                  it.run();
              } }, h('span', {}, t(`keys.${it.name}`)),
                 h('kbd', { dir: 'ltr' }, shown(it.keys)))),
              () => {});
    }

    function opened() {
        const { selected, page } = store.get();

        return selected !== '' && page === '';
    }

    function help() {
        if (!dialog.open) {
            field.value = '';
            singles.checked = keeper.get('keys') !== '0';
            draw();
            dialog.showModal();
            field.focus();
        }
    }

    document.addEventListener('keydown', (event) => {
        /* AltGr writes. */
        if (!active || event.defaultPrevented || event.isComposing
            || document.querySelector('dialog[open]')
            || event.getModifierState('AltGraph')
            || (keeper.get('keys') === '0' && event.key !== 'Escape'))
        {
            return;
        }

        const pressed = keysOf(event);
        const command = commands.find(({ keys }) => keys === pressed);

        /* Letters are for fields, and Escape for what is open. */
        if (!command || (writing(event.target) && !/\+/.test(pressed))
            || (command.open && !opened()))
        {
            return;
        }

        event.preventDefault();
        command.run();
    });

    return {
        element: dialog,
        help,

        /** @param {boolean} on */
        active(on) {
            active = on;

            if (!on && dialog.open) {
                dialog.close();
            }
        },
    };
}


/** @param {KeyboardEvent} event */
export function keysOf({ altKey, ctrlKey, metaKey, shiftKey, code, key }) {
    if ((key === '?' || key === '؟') && !altKey && !ctrlKey && !metaKey) {
        return '?';
    }

    return (ctrlKey || metaKey ? 'Mod+' : '') + (altKey ? 'Alt+' : '')
           + (shiftKey ? 'Shift+' : '') + code;
}


/** @param {string} keys */
function shown(keys) {
    const mac = /Mac|iP/.test(navigator.platform);

    return keys.replace('Mod', mac ? '⌘' : 'Ctrl')
               .replace('Alt', mac ? '⌥' : 'Alt')
               .replace('Key', '').replace('Digit', '').replace('Slash', '/')
               .replace('Escape', 'Esc').replace(/\+/g, ' + ');
}


/** @param {EventTarget | null} target */
function writing(target) {
    return target instanceof HTMLElement
           && target.matches('input, textarea, select');
}
