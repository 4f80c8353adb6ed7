/* Copyright (C) the ngx_http_chat_module authors */

/*
 * Buttons, the composer and what is only read out, for the widget and the
 * console; the colours are custom properties of whoever adopts this.
 */

export const STYLE = `
:where(button) {
    min-block-size: 32px;
    min-inline-size: 32px;
    box-sizing: border-box;
    padding: 4px 12px;
    border: 1px solid var(--border);
    border-radius: 8px;
    background: transparent;
    color: inherit;
    font: inherit;
    font-size: .875rem;
    cursor: pointer;
}
:where(button:hover) { background: var(--them) }
:focus-visible { outline: 3px solid var(--fg); outline-offset: 1px }
.own a:focus-visible { outline-color: currentColor }
.icon { inline-size: 22px; block-size: 22px; fill: currentColor;
    vertical-align: middle }
[dir=rtl] .mirror, :host([dir=rtl]) .mirror { transform: scaleX(-1) }
.hidden, .own:not(.note) .who, .same,
.line:has(+ .run):not([data-state=failed]) > .meta {
    position: absolute;
    inline-size: 1px;
    block-size: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
}
.composer {
    display: flex;
    flex-wrap: wrap;
    align-items: flex-end;
    gap: 8px;
    padding: 12px;
    padding-block-end: max(12px, env(safe-area-inset-bottom, 0px));
    border-block-start: 1px solid var(--border);
}
.long { inline-size: 100%; margin: 0; color: var(--bad); font-size: .8125rem }
.long:empty { display: none }
.input {
    flex: 1;
    min-inline-size: 0;
    min-block-size: 44px;
    max-block-size: 9em;
    box-sizing: border-box;
    padding: 9px 16px;
    border: 1px solid var(--muted);
    border-radius: 22px;
    background: var(--bg);
    color: inherit;
    font: inherit;
    line-height: 1.5;
    resize: none;
}
/* the field mostly has the focus: enough to see, not more */
.input:focus-visible { outline: 2px solid var(--fg); outline-offset: -2px }
.input::placeholder { color: var(--muted); opacity: 1 }
.input[aria-invalid] { border-color: var(--bad) }
.send {
    inline-size: 44px;
    block-size: 44px;
    padding: 0;
    border-radius: 50%;
    background: var(--accent);
    color: var(--accent-fg);
}
.send:hover { background: var(--accent); filter: brightness(1.08) }
.send[aria-disabled] { background: var(--them); color: var(--muted) }`;
