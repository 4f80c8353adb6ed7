/* Copyright (C) the ngx_http_chat_module authors */

export const STYLE = `
:host {
    --accent: var(--chat-accent, #1f5eff);
    --accent-fg: var(--chat-accent-fg, #fff);
    --bg: var(--chat-bg, #fff);
    --fg: var(--chat-fg, #1a1f2b);
    --muted: var(--chat-muted, #586174);
    --border: var(--chat-border, #d9dde6);
    --me: var(--chat-bubble-me, #e4ecff);
    --them: var(--chat-bubble-them, #f1f3f7);
    --bad: #b3142b;
    --radius: var(--chat-radius, 16px);
}
@media (prefers-color-scheme: dark) {
    :host {
        --bg: var(--chat-bg, #171a21);
        --fg: var(--chat-fg, #e9ecf2);
        --muted: var(--chat-muted, #a3adbf);
        --border: var(--chat-border, #343a48);
        --me: var(--chat-bubble-me, #23408f);
        --them: var(--chat-bubble-them, #262b36);
        --bad: #ff9aa6;
    }
}
.panel {
    position: absolute;
    inset: auto;
    inset-block-end: 72px;
    inset-inline-end: 0;
    box-sizing: border-box;
    flex-direction: column;
    inline-size: min(var(--chat-panel-inline-size, 384px), 100vw - 40px);
    block-size: min(var(--chat-panel-block-size, 600px), 100dvh - 112px);
    max-inline-size: none;
    max-block-size: none;
    margin: 0;
    padding: 0;
    border: 1px solid var(--border);
    border-radius: var(--radius);
    background: var(--bg);
    color: var(--fg);
    box-shadow: var(--chat-shadow, 0 12px 40px rgb(10 20 50 / .22));
    font: 1rem/1.55 var(--chat-font, system-ui, sans-serif);
    text-align: start;
    overflow: hidden;
    overscroll-behavior: contain;
}
.panel[open] { display: flex }
.panel:modal {
    position: fixed;
    inset: 0;
    inline-size: 100%;
    block-size: 100dvh;
    border: 0;
    border-radius: 0;
}
.head {
    display: flex;
    align-items: center;
    gap: 12px;
    padding: 12px;
    padding-inline-start: 20px;
    border-block-end: 1px solid var(--border);
}
.title { flex: 1; min-inline-size: 0 }
.head h2 { margin: 0; font-size: 1.0625rem; font-weight: 600 }
.here { margin: 0; color: var(--muted); font-size: .8125rem;
    overflow-wrap: anywhere }
.close {
    min-inline-size: 44px;
    min-block-size: 44px;
    border-color: transparent;
}
.notice { margin: 0; padding: 8px 20px; background: var(--them);
    color: var(--fg); font-size: .875rem }
.notice.bad { color: var(--bad) }
.notice button { margin-inline-start: 8px }
.intro { margin: 0; padding: 16px 20px 0; color: var(--muted) }
@media (prefers-reduced-motion: no-preference) {
    .panel[open] { animation: rise .16s ease-out }
    @keyframes rise { from { opacity: 0; transform: translateY(8px) } }
}
@media (forced-colors: active) {
    .panel { border: 1px solid CanvasText }
}`;
