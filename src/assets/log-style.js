/* Copyright (C) the ngx_http_chat_module authors */

/*
 * Buttons, the log and the composer, for the widget and the console; the
 * colours are custom properties of whoever adopts this.
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
:focus-visible { outline: 3px solid var(--accent); outline-offset: 1px }
.icon { inline-size: 22px; block-size: 22px; fill: currentColor;
    vertical-align: middle }
[dir=rtl] .mirror, :host([dir=rtl]) .mirror { transform: scaleX(-1) }
.log {
    flex: 1;
    min-block-size: 0;
    padding: 16px 20px;
    overflow-y: auto;
    overscroll-behavior: contain;
}
.log:focus-visible { outline-offset: -3px }
.earlier { display: block; margin: 0 auto 12px }
.lines { display: flex; flex-direction: column; gap: 4px; margin: 0;
    padding: 0; list-style: none }
.line { max-inline-size: 84%; align-self: flex-start }
.line p { margin: 0; min-block-size: 1em }
.own { align-self: flex-end }
.bubble {
    padding: 8px 14px;
    border: 1px solid transparent;
    border-radius: 14px;
    background: var(--them);
    overflow-wrap: anywhere;
    white-space: pre-wrap;
}
.own .bubble { background: var(--me) }
.who { margin-block-start: 8px !important }
.who, .meta { color: var(--muted); font-size: .75rem }
.own:not(.note) .who, .same, .hidden {
    position: absolute;
    inline-size: 1px;
    block-size: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
}
.line { position: relative }
.own .meta { text-align: end }
.own { margin-block-start: 4px }
.again { display: flex; gap: 8px; justify-content: flex-end;
    margin-block: 4px 8px }
[data-state=failed] .meta { color: var(--bad) }
[data-state=failed] .bubble { border: 1px dashed var(--bad) }
.change { align-self: center; padding-block: 8px; color: var(--muted);
    font-size: .8125rem; text-align: center }
.typing { min-block-size: 1.25rem; margin: 0; padding-inline: 20px;
    color: var(--muted); font-size: .8125rem; line-height: 1.25rem;
    overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.composer {
    display: flex;
    align-items: flex-end;
    gap: 8px;
    padding: 12px;
    padding-block-end: max(12px, env(safe-area-inset-bottom, 0px));
    border-block-start: 1px solid var(--border);
}
.input {
    flex: 1;
    min-inline-size: 0;
    min-block-size: 44px;
    max-block-size: 9em;
    box-sizing: border-box;
    padding: 9px 14px;
    border: 1px solid var(--muted);
    border-radius: 12px;
    background: var(--bg);
    color: inherit;
    font: inherit;
    line-height: 1.5;
    resize: none;
}
.input::placeholder { color: var(--muted); opacity: 1 }
.input[aria-invalid] { border-color: var(--bad) }
.note .bubble {
    border: 1px dashed var(--note-line);
    background: var(--note);
}
.note .who { color: var(--note-line); font-weight: 600 }
.own .who { text-align: end }
.send {
    inline-size: 44px;
    block-size: 44px;
    padding: 0;
    border-radius: 12px;
    background: var(--accent);
    color: var(--accent-fg);
}
.send:hover { background: var(--accent); filter: brightness(1.08) }
.send[aria-disabled] { background: var(--them); color: var(--muted) }
@media (forced-colors: active) {
    .bubble { border: 1px solid CanvasText }
    .own .bubble { border-width: 2px }
}`;
