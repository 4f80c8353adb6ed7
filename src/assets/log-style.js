/* Copyright (C) the ngx_http_chat_module authors */

/*
 * The log, for the widget and the console; the colours are custom properties
 * of whoever adopts this.
 */

export const STYLE = `
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
.line a { color: inherit; overflow-wrap: anywhere }
.line p { margin: 0; min-block-size: 1em }
.own { align-self: flex-end }
.bubble {
    inline-size: fit-content;
    max-inline-size: 100%;
    box-sizing: border-box;
    padding: 8px 14px;
    border: 1px solid transparent;
    border-radius: 18px;
    background: var(--them);
    overflow-wrap: anywhere;
    white-space: pre-wrap;
}
.own .bubble { background: var(--me); color: var(--me-fg, inherit) }
.other .bubble { border-end-start-radius: 4px }
.own .bubble { margin-inline-start: auto; border-end-end-radius: 4px }
.who { margin-block-start: 8px !important }
.who, .meta { color: var(--muted); font-size: .75rem }
.line { position: relative }
.own .meta { text-align: end }
.mark { font-size: .75rem }
.line:not(.run) { margin-block-start: 10px }
.again { display: flex; gap: 8px; justify-content: flex-end;
    margin-block: 4px 8px }
[data-state=failed] .meta { color: var(--bad) }
[data-state=failed] .bubble { border: 1px dashed var(--bad) }
.change { align-self: center; padding-block: 8px; color: var(--muted);
    font-size: .8125rem; text-align: center }
.typing:not(:empty)::before { content: "•••"; margin-inline-end: 6px;
    letter-spacing: 1px }
.typing { min-block-size: 1.25rem; margin: 0; padding-inline: 20px;
    color: var(--muted); font-size: .8125rem; line-height: 1.25rem;
    overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.own .who { text-align: end }
@media (forced-colors: active) {
    .own .bubble { border-width: 2px }
}`;
