/* Copyright (C) the ngx_http_chat_module authors */

export const STYLE = `
:host {
    --accent: var(--chat-accent, #1f5eff);
    --accent-fg: var(--chat-accent-fg, var(--chat-auto-fg, #fff));
    --bg: var(--chat-bg, #fff);
    --fg: var(--chat-fg, #1a1f2b);
    --muted: var(--chat-muted, #586174);
    --border: var(--chat-border, #dfe3eb);
    --me: var(--chat-bubble-me, var(--accent));
    --me-fg: var(--chat-bubble-me-fg, var(--accent-fg));
    --them: var(--chat-bubble-them, #f0f2f7);
    --bad: #b3142b;
    --radius: var(--chat-radius, 18px);
}
:host([data-dark]) {
    --bg: var(--chat-bg, #16191f);
    --fg: var(--chat-fg, #e9ecf2);
    --muted: var(--chat-muted, #a8b1c2);
    --border: var(--chat-border, #323846);
    --them: var(--chat-bubble-them, #272c37);
    --bad: #ff9aa6;
}
.panel {
    position: absolute;
    inset: auto;
    inset-block-end: 72px;
    inset-inline-end: 0;
    box-sizing: border-box;
    flex-direction: column;
    inline-size: min(var(--chat-panel-inline-size, 384px), 100vw - 40px);
    block-size: min(var(--chat-panel-block-size, 640px), 100dvh - 112px);
    max-inline-size: none;
    max-block-size: none;
    margin: 0;
    padding: 0;
    border: 1px solid var(--border);
    border-radius: var(--radius);
    background: var(--bg);
    color: var(--fg);
    color-scheme: light;
    box-shadow: var(--chat-shadow, 0 2px 6px #0a14321f,
        0 16px 48px #0a143233);
    font: 1rem/1.5 var(--chat-font, system-ui, sans-serif);
    overflow: hidden;
    overscroll-behavior: contain;
}
:host([data-dark]) .panel { color-scheme: dark }
:host(:is([lang=ar], [lang=he])) .panel { line-height: 1.65 }
:host([data-side=start]) .panel { inset-inline: 0 auto }
.panel[open] { display: flex }
.panel:modal {
    position: fixed;
    inset: 0;
    inline-size: 100%;
    block-size: var(--vvh, 100dvh);
    transform: translateY(var(--vvo, 0));
    border: 0;
    border-radius: 0;
}
.head {
    display: flex;
    align-items: center;
    gap: 4px;
    min-block-size: 64px;
    box-sizing: border-box;
    padding: 8px;
    padding-block-start: max(8px, env(safe-area-inset-top, 0px));
    background: var(--accent);
    color: var(--accent-fg);
}
.title { flex: 1; min-inline-size: 0; padding-inline: 12px;
    line-height: 1.35; overflow-wrap: anywhere }
.head h2 { margin: 0; font-size: 1.0625rem; font-weight: 650 }
.here { display: flex; align-items: baseline; gap: 6px; margin: 0;
    min-block-size: 1.35em; font-size: .8125rem }
.here::before { content: ""; flex: none; inline-size: 8px; block-size: 8px;
    border-radius: 50%; background: #3ddc84; border: 1px solid currentColor }
.here:empty::before { display: none }
.away::before { background: 0 0 }
.tool {
    flex: none;
    min-inline-size: 44px;
    min-block-size: 44px;
    padding: 4px;
    border-color: transparent;
    border-radius: 50%;
}
.tool:hover { background: #7f7f7f4d }
.head :focus-visible { outline-color: currentColor; outline-offset: -3px }
.notice { margin: 0; padding: 8px 20px; background: var(--them);
    color: var(--fg); font-size: .875rem }
.notice.bad { color: var(--bad) }
.notice button { margin-inline-start: 8px }
.talk { display: flex; flex: 1; flex-direction: column; min-block-size: 0 }
.talk .composer { margin-block-start: auto }
.intro { flex: 1; padding: 28px 24px; color: var(--muted);
    overflow-wrap: anywhere; overflow-y: auto }
.intro p { margin: 0 }
.intro .hello { margin-block-end: 8px; color: var(--fg); font-size: 1.5rem;
    font-weight: 650; line-height: 1.3 }
.over { padding: 4px 20px 16px; text-align: center }
.over button { min-block-size: 44px; padding-inline: 20px;
    border-radius: 22px; font-size: .9375rem }
@media (prefers-reduced-motion: no-preference) {
    .panel[open] { animation: rise .18s ease-out }
    @keyframes rise { from { opacity: 0; transform: translateY(10px) } }
    .typing:not(:empty)::before { animation: breathe 1.2s infinite }
    @keyframes breathe { 50% { opacity: .3 } }
}
@media (forced-colors: active) {
    .head { border-block-end: 1px solid CanvasText }
}`;
