/* Copyright (C) the ngx_http_chat_module authors */

/*
 * The view kernel: elements, keyed lists and a store.  DOM API only, so that
 * it runs under Trusted Types 'none' and a policy without 'unsafe-inline'.
 */


/**
 * Makes an element.  Properties that begin with "on" are listeners, false
 * and null leave an attribute out, everything else is an attribute.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [props]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
    const node = document.createElement(tag);

    for (const [name, value] of Object.entries(props)) {
        if (name.startsWith('on')) {
            node.addEventListener(name.slice(2), value);
        } else {
            attr(node, name, value);
        }
    }

    node.append(...children);

    return node;
}


/**
 * @param {string} path
 * @param {boolean} [mirror] whether it points somewhere along the line
 */
export function icon(path, mirror = false) {
    const ns = 'http://www.w3.org/2000/svg';
    const root = document.createElementNS(ns, 'svg');
    const shape = document.createElementNS(ns, 'path');

    attr(root, 'viewBox', '0 0 24 24');
    attr(root, 'aria-hidden', 'true');
    attr(root, 'class', mirror ? 'icon mirror' : 'icon');
    attr(shape, 'd', path);
    root.append(shape);

    return root;
}


/**
 * Sets or removes an attribute, and leaves it alone when it is right.
 *
 * @param {Element} node
 * @param {string} name
 * @param {unknown} value
 */
export function attr(node, name, value) {
    if (value === false || value === null || value === undefined) {
        node.removeAttribute(name);
        return;
    }

    const text = value === true ? '' : String(value);

    if (node.getAttribute(name) !== text) {
        node.setAttribute(name, text);
    }
}


/**
 * Sets the text of an element, and leaves it alone when it is right, so that
 * a live region does not repeat itself.
 *
 * @param {Element} node
 * @param {string} value
 */
export function text(node, value) {
    if (node.textContent !== value) {
        node.textContent = value;
    }
}


/**
 * Adds a style sheet to the shadow tree that an element is in.
 *
 * @param {Element} element
 * @param {string} style
 * @returns {() => void} takes it away
 */
export function adopt(element, style) {
    const root = /** @type {ShadowRoot} */ (element.getRootNode());
    const sheet = new CSSStyleSheet();

    sheet.replaceSync(style);
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];

    return () => {
        root.adoptedStyleSheets = root.adoptedStyleSheets.filter(
            (it) => it !== sheet);
    };
}


/** @type {WeakMap<Element, Map<string, Element>>} */
const lists = new WeakMap();


/**
 * Makes the children of an element follow a list.  A node is made once per
 * key, updated in place and moved only when its neighbour changed.
 *
 * @template T
 * @param {Element} parent
 * @param {T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T) => Element} create
 * @param {(node: any, item: T, before: T | null) => void} update
 */
export function keyed(parent, items, key, create, update) {
    const had = lists.get(parent) || new Map();
    const now = new Map(items.map((item) => [key(item), item]));

    for (const [id, node] of had) {
        if (!now.has(id)) {
            node.remove();
            had.delete(id);
        }
    }

    let next = parent.firstElementChild;
    /** @type {T | null} */
    let before = null;

    for (const [id, item] of now) {
        const node = had.get(id) || create(item);

        had.set(id, node);
        update(node, item, before);

        if (node === next) {
            next = node.nextElementSibling;
        } else {
            parent.insertBefore(node, next);
        }

        before = item;
    }

    lists.set(parent, had);
}


/**
 * A store around a pure reducer.  Listeners run once per turn however many
 * events came in.
 *
 * @template S, E
 * @param {(state: S, event: E) => S} reduce
 * @param {S} state
 * @returns {Store<S, E>}
 */
export function createStore(reduce, state) {
    /** @type {Set<(state: S) => void>} */
    const listeners = new Set();
    let due = false;

    const flush = () => {
        due = false;
        listeners.forEach((listener) => listener(state));
    };

    return {
        get: () => state,

        dispatch(event) {
            const next = reduce(state, event);

            if (next === state) {
                return;
            }

            state = next;

            if (!due) {
                due = true;
                queueMicrotask(flush);
            }
        },

        subscribe(listener) {
            listeners.add(listener);

            return () => listeners.delete(listener);
        },
    };
}
