/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h } from './kernel.js';

/*
 * The edges between the panes, which are moved by the pointer or by keys.  A
 * width is kept as it was set; where there is less room a pane has less.
 */

const STEP = 16;
const MOST = 640;

/* In rem, as in the style sheet: what each pane, and the rest, has at least. */
/** @type {Record<string, number>} */
const LEAST = { views: 8, list: 13, side: 14 };
const REST = 20;


/**
 * @param {Wording} i18n
 * @param {ReturnType<typeof
 *     import('./console-drafts.js').createKeeper>} keeper
 * @param {HTMLElement} desk
 * @param {Record<string, HTMLElement[]>} panes those with an edge, and the
 *     one beside each that holds it: an edge does not scroll
 * @param {HTMLElement[]} rest what takes the room that they leave
 */
export function createPanes({ dir, t }, keeper, desk, panes, rest) {
    const edges = Object.entries(panes).map(([name, [pane, home]]) => {
        const edge = h('div', {
            'class': `edge edge-${name}`, 'role': 'separator', 'tabindex': '0',
            'aria-orientation': 'vertical', 'aria-label': t(`pane.${name}`),
            'aria-controls': pane.id || `pane-${name}`,
            'onkeydown': key, 'ondblclick': () => forget(it),
            'onpointerdown': drag,
        });
        /* The panel is on the other side of its edge. */
        const it = { name, pane, edge,
                     sign: (dir === 'rtl') === (name === 'side') ? 1 : -1 };
        const kept = Number(keeper.get(`pane:${name}`));

        attr(pane, 'id', pane.id || `pane-${name}`);

        if (name === 'side') {
            home.append(edge);
        } else {
            home.prepend(edge);
        }

        if (kept > 0) {
            wide(it, kept);
        }

        return it;

        /** @param {KeyboardEvent} event */
        function key(event) {
            const { least, most, now } = limits(it);
            const wanted = {
                ArrowRight: now + STEP * it.sign,
                ArrowLeft: now - STEP * it.sign,
                Home: least, End: most,
            }[event.key];

            if (wanted !== undefined) {
                event.preventDefault();
                set(it, wanted);
            } else if (event.key === 'Enter') {
                forget(it);
            }
        }

        /** @param {PointerEvent} event */
        function drag({ button, clientX: start, pointerId }) {
            const { now } = limits(it);
            const done = new AbortController();

            if (button !== 0) {
                return;
            }

            edge.setPointerCapture(pointerId);
            edge.addEventListener('pointermove', ({ clientX }) =>
                set(it, now + (clientX - start) * it.sign),
                { signal: done.signal });
            edge.addEventListener('lostpointercapture', () => done.abort(),
                                  { once: true });
        }
    });
    const watch = new ResizeObserver(measure);

    edges.forEach(({ pane }) => watch.observe(pane));
    rest.forEach((it) => watch.observe(it));

    /**
     * @typedef {{name: string, pane: HTMLElement, edge: HTMLElement,
     *            sign: number}} Edge
     */

    /** @param {Edge} it */
    function limits({ name, pane }) {
        const rem = parseFloat(getComputedStyle(document.documentElement)
                               .fontSize);
        const now = Math.round(pane.getBoundingClientRect().width);
        const room = Math.max(...rest.map((node) => node.offsetWidth))
                     - REST * rem;

        return { now, least: Math.round(LEAST[name] * rem),
                 most: Math.max(now, Math.min(MOST,
                                              Math.floor(now + room))) };
    }

    /**
     * @param {Edge} it
     * @param {number} width in px
     */
    function wide({ name }, width) {
        desk.style.setProperty(`--${name}`, `${width}px`);
    }

    /**
     * @param {Edge} it
     * @param {number} wanted
     */
    function set(it, wanted) {
        const { least, most } = limits(it);
        const width = Math.max(least, Math.min(most, Math.round(wanted)));

        wide(it, width);
        keeper.put(`pane:${it.name}`, String(width));
        measure();
    }

    /**
     * As wide as it is where nothing was set.
     *
     * @param {Edge} it
     */
    function forget({ name }) {
        desk.style.removeProperty(`--${name}`);
        keeper.put(`pane:${name}`, '');
        measure();
    }

    function measure() {
        for (const it of edges) {
            const { now, least, most } = limits(it);

            attr(it.edge, 'aria-valuemin', Math.min(least, now));
            attr(it.edge, 'aria-valuemax', most);
            attr(it.edge, 'aria-valuenow', now);
        }
    }
}
