/* Copyright (C) the ngx_http_chat_module authors */

import { createFormat, STYLE } from './format.js';

/*
 * What agents write, as they mean it to look.  It is loaded with the first
 * text that has a mark; until then, and without it, that is plain.
 */

/** @type {WeakSet<Node>} */
const styled = new WeakSet();


/**
 * @param {import('./widget-view.js').Lent} lent
 * @param {string} said
 * @param {HTMLElement[]} nodes the text without a look, which it replaces
 */
export function show(lent, said, nodes) {
    const { adopt, panel } = lent;
    const root = panel.getRootNode();

    if (panel.isConnected && !styled.has(root)) {
        styled.add(root);
        adopt(panel, STYLE);
    }

    nodes[0].before(...createFormat(lent).formatted(said));
    nodes.forEach((node) => node.remove());
}
