/*
 * The JavaScript API of the widget: docs/widget.md.
 *
 * Include it with
 *     /// <reference path="widget.d.ts" />
 */

export type ChatSettings = {
    /** language, else that of the page or the browser: en, ar, he */
    lang?: string;
    /** auto follows what the visitor prefers */
    theme?: 'light' | 'dark' | 'auto';
    /** colour of the launcher, the header and the visitor's messages */
    accent?: string;
    /** where the launcher is; end by default, which is left in Arabic */
    side?: 'start' | 'end' | 'left' | 'right';
    /** heading of the panel, for all languages or for each of some, and the
        text below it before the first message */
    title?: string | Record<string, string>;
    intro?: string;
    /** off: no sound, and no choice of it */
    sound?: 'off';
    /** anything: one conversation at a time */
    single?: string | boolean;
    /** a token instead of a cookie, as a page of another origin always has */
    mode?: 'bearer';
    /** a token of the site that says who the visitor is */
    identity?: string;
};

export type ChatEvents = {
    ready: undefined;
    open: undefined;
    close: undefined;
    'message:sent': { id: string; text: string };
    'message:received': {
        conversation: string;
        seq: number;
        text: string;
        sender: { kind: 'agent' | 'bot' | 'system'; id: string;
                  name?: string | null };
    };
    unread: { count: number };
    'conversation:start': { conversation: string };
    'conversation:end': { conversation: string };
    'agent:join': { id: string; name?: string | null };
    'agent:leave': { id: string; name?: string | null };
    typing: { on: boolean };
    'prechat:submit': { name?: string; email?: string;
                        [attribute: string]: string | undefined };
    'offline:submit': { email?: string };
    csat: { rating: number; comment?: string };
    upload: { id: string; name: string; type: string; size: number };
    'link:click': { url: string };
    status: { online: boolean };
    error: { code: string };
};

export interface ChatMethods {
    open(): Promise<void>;
    close(): Promise<void>;
    toggle(): Promise<void>;
    /** shows and hides the launcher, and the panel with it */
    show(): Promise<void>;
    hide(): Promise<void>;
    /** puts a widget back that shutdown() has taken away */
    boot(settings?: ChatSettings): Promise<void>;
    update(settings: ChatSettings): Promise<void>;
    /** a token of the site that says who the visitor is */
    identify(token: string): Promise<void>;
    /** what the page knows of the visitor; null takes an attribute away */
    set(what: { name?: string; email?: string;
                [attribute: string]: string | number | boolean | null
                                     | undefined }): Promise<void>;
    /** letters, digits and ._:- ; up to 2 KB of data */
    track(name: string, data?: object): Promise<void>;
    /**
     * Ends the session, and takes the widget and all that it has kept in the
     * browser away; other tabs forget the visitor too.  Rejected when the
     * server could not be told.
     */
    shutdown(): Promise<void>;
    /** writes into the field, or sends; resolves when the text is kept */
    message(text: string, options?: { send?: boolean }): Promise<void>;
    startConversation(): Promise<void>;
    setLocale(lang: string): Promise<void>;
    setTheme(theme: 'light' | 'dark' | 'auto'): Promise<void>;
    getUnread(): Promise<number>;
    /** each returns what ends it */
    on<E extends keyof ChatEvents>(
        event: E, listener: (detail: ChatEvents[E]) => void): () => void;
    once<E extends keyof ChatEvents>(
        event: E, listener: (detail: ChatEvents[E]) => void): () => void;
    off<E extends keyof ChatEvents>(
        event: E, listener: (detail: ChatEvents[E]) => void): void;
}

/** chat.open() and chat('open') are the same; the stub has the latter only. */
export type Chat = ChatMethods & {
    <M extends keyof ChatMethods>(
        method: M, ...args: Parameters<ChatMethods[M]>):
        ReturnType<ChatMethods[M]>;
};

declare global {
    interface Window {
        chat: Chat;
    }

    interface DocumentEventMap {
        'chat:ready': CustomEvent<ChatEvents['ready']>;
        'chat:open': CustomEvent<ChatEvents['open']>;
        'chat:close': CustomEvent<ChatEvents['close']>;
        'chat:message:sent': CustomEvent<ChatEvents['message:sent']>;
        'chat:message:received': CustomEvent<ChatEvents['message:received']>;
        'chat:unread': CustomEvent<ChatEvents['unread']>;
        'chat:conversation:start':
            CustomEvent<ChatEvents['conversation:start']>;
        'chat:conversation:end': CustomEvent<ChatEvents['conversation:end']>;
        'chat:typing': CustomEvent<ChatEvents['typing']>;
        'chat:status': CustomEvent<ChatEvents['status']>;
        'chat:error': CustomEvent<ChatEvents['error']>;
    }
}
