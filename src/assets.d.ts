/*
 * Copyright (C) the ngx_http_chat_module authors
 *
 * Shapes shared by the widget and the console.  Read by tsc only: this file
 * is never served.
 */

interface ImportMeta {
    /** in the bundle of the widget, which leaves out what depends on it */
    widget?: boolean;
}


/* What the server sends. */

type Person = {
    kind: 'visitor' | 'agent' | 'bot' | 'system';
    id: string;
    name?: string | null;
};

type ChatEvent = {
    type: string;
    conversation?: string;
    seq: number;
    id?: string;
    client_msg_id?: string;
    sender: Person;
    visibility?: 'public' | 'internal';
    text?: string;
    attachments?: Attachment[];
    card?: Card;
    /** of a message that was changed, or taken back */
    edited_at?: string;
    redacted?: boolean;
    /** of a response: to the card of which message, and what; of an edit or
        a redaction: of which message */
    to?: number;
    response?: CardAnswer;
    status?: Status;
    assignee?: Named | null;
    team?: Named | null;
    priority?: Priority;
    labels?: string[];
    snoozed_until?: string | null;
    reason?: string;
    created_at?: string;
};

/** A text for people: one for all languages, or one for each of some. */
type Words = string | Record<string, string>;

type Field = {
    name: string;
    label?: Words;
    type?: 'text' | 'email' | 'tel' | 'long';
    required?: boolean;
};

/** What a message asks; types that are not known show their text. */
type Card = {
    type: string;
    once?: boolean;
    multiple?: boolean;
    options?: { id: string; text: string }[];
    comment?: boolean;
    fields?: Field[];
    submit?: string;
    links?: { title: string; url: string; text?: string }[];
};

type CardAnswer = {
    options?: string[];
    rating?: number;
    comment?: string;
    fields?: Record<string, string>;
};

type Attachment = {
    id: string;
    name: string;
    type: string;
    size: number;
    width?: number;
    height?: number;
};

type Status = 'open' | 'pending' | 'snoozed' | 'resolved';

type Named = { id: string; name?: string | null };

/** Who writes; what is not told is not there. */
type Customer = Named & {
    verified?: boolean;
    email?: string | null;
    attributes?: Record<string, string | number | boolean>;
    external_id?: string | null;
    consent?: { version: string; locale: string | null; at: string } | null;
    locale?: string | null;
    page?: string | null;
    user_agent?: string | null;
    time_zone?: string | null;
    /** names of attributes that are the site's word */
    claimed?: string[];
    blocked?: boolean;
};

type Summary = {
    id: string;
    status: Status;
    visitor: Customer;
    assignee: Named | null;
    last: {
        seq: number;
        sender: Person;
        /** null of one that was taken back */
        text?: string | null;
        created_at: string;
    } | null;
    unread: number;
    /* notes that name the agent, and are not read */
    mentions?: number;
    version: number;
    next: string;
    in?: boolean;
    /* what a search has found */
    match?: { seq: number; text: string | null } | null;
    /* for agents */
    team?: Named | null;
    labels?: string[];
    priority?: Priority;
    snoozed_until?: string | null;
    waiting_since?: string | null;
    queue?: Queue | null;
    created_at?: string;
};

/** A note that names the agent who asks. */
type Mention = {
    conversation: string;
    seq: number;
    sender: Person;
    text: string;
    created_at: string;
};

type Priority = 'low' | 'high' | 'urgent' | null;

type Page = {
    events: ChatEvent[];
    next: string;
    complete: boolean;
    more: boolean;
    reason?: string;
};

/** The place of a visitor who waits, and how long it may take, in s. */
type Queue = { position: number; wait: number | null };

type LiveState = {
    version: number;
    read: Record<string, number>;
    queue?: Queue | null;
    typing?: Person[];
    presence?: (Person & { online: boolean })[];
};

/** A change of the state. */
type Signal =
    | { type: 'read'; sender: Person; upto: number }
    | { type: 'typing'; sender: Person; on: boolean }
    | { type: 'presence'; participant: Person; online: boolean };

type InboxPage = {
    conversations: Summary[];
    next: string;
    complete?: boolean;
    more: boolean;
};

type Agent = { id: string; name: string; email: string; role: string };

type Role = 'agent' | 'supervisor' | 'admin';

type Availability = 'online' | 'busy' | 'away';

type Colleague = {
    id: string;
    name: string;
    role: Role;
    availability: Availability;
    /** away by himself, whatever was chosen */
    automatic?: 'away' | null;
    capacity: number | null;
    disabled: boolean;
    teams: Named[];
    email?: string;
    invited?: boolean;
};

type Team = {
    id: string;
    name: string;
    members: Named[];
    /** how conversations find their agents, null: as at the site */
    assignment?: string | null;
};

type Label = { id: string; name: string; color: string | null };

type Canned = {
    id: string;
    shortcut: string;
    locale: string | null;
    title: string;
    text: string;
};

/** Who and what there is to choose from at a site. */
type Desk = {
    agents: Colleague[];
    teams: Team[];
    labels: Label[];
    canned: Canned[];
};

/** What an agent changes of a conversation. */
type Change = {
    status?: Status;
    assignee?: string | null;
    team?: string | null;
    priority?: Priority;
    labels?: string[];
    snoozed_until?: string | null;
    reason?: string;
};

type Visitor = Named & {
    verified: boolean;
    email?: string | null;
    /** the version of the text that was agreed to last */
    consent?: string | null;
};

type Session = {
    token?: string;
    visitor: Visitor;
    conversations: Summary[];
    /** what files are taken, if any */
    upload?: { size: number; count: number };
    site?: Site;
    availability?: 'online' | 'away';
};

/** What a site says of itself; null is what it does not say. */
type Site = {
    name: string;
    title?: Words | null;
    locale?: string | null;
    theme?: { accent?: string; scheme?: string; side?: string } | null;
    prechat?: { text?: Words; fields: Field[] } | null;
    away?: { text?: Words; email?: boolean } | null;
    consent?: { version: string; text: Words; url?: string } | null;
    one_conversation?: boolean | null;
};

type ProblemBody = {
    code?: string;
    field?: string;
    events?: ChatEvent[];
    conversation?: Summary;
};


/* What a page keeps. */

/** The record of one conversation as far as this page has read it. */
type Talk = {
    id: string;
    events: ChatEvent[];
    next: string;
    earlier: boolean;
    read: Record<string, number>;
    /** others who are typing, and who have it open */
    typing: Person[];
    here: Person[];
};

/** A message that is written but not yet in the record. */
type Outgoing = {
    id: string;
    lane: string;
    text: string;
    visibility: 'public' | 'internal';
    state: 'queued' | 'sending' | 'waiting' | 'failed';
    reason: string | null;
    created_at: string;
    expected_seq?: number;
    attachments?: Attachment[];
    card?: Card;
    /** an answer instead: to the card of which message, and what */
    to?: number;
    response?: CardAnswer;
};

type OutgoingChange = Partial<Pick<Outgoing, 'state' | 'reason'>>;

/** Whether live delivery works; since when not (ms since 1970). */
type Line = { up: boolean; since: number };


/* What the parts of a page hand each other. */

type CallOptions = {
    body?: object;
    query?: Record<string, string | number | null | undefined>;
    signal?: AbortSignal;
    timeout?: number;
};

type Api = {
    /** what is asked for where a browser holds both cookies */
    role?: string;
    /** the bearer token, '' where there is a cookie */
    token(): string;
    url(path: string, query?: CallOptions['query']): URL;
    call(method: string, path: string, options?: CallOptions): Promise<any>;
    /** an answer to be read as it comes */
    open(path: string, query: CallOptions['query'], accept: string,
         signal: AbortSignal): Promise<Response>;
};

type Clock = {
    now(): number;
    random(): number;
    /** returns what cancels it */
    after(ms: number, call: () => void): () => void;
};

type Topic = {
    /** a conversation and the cursor to go on from */
    conversation?: string;
    since?: string;
    /** an inbox cursor, '' for the first page, and its filters */
    inbox?: string;
    filter?: Record<string, string | undefined>;
};

type Sink = {
    page?(page: Page): void;
    state?(state: LiveState): void;
    signal?(signal: Signal): void;
    /** first: the list begins anew */
    inbox?(page: InboxPage, first: boolean): void;
    /** the line is up, or down for now and being retried */
    line(up: boolean): void;
    /** the server refused for good: nothing more will come */
    end(problem: Error): void;
};

type Subscription = { close(): void; wake(): void };

/** One transport: topics, and frames where it can send them. */
type Carrier = {
    subscribe(topic: Topic, sink: Sink): Subscription;
    request?(frame: object): Promise<any> | null;
    tell?(frame: object): boolean;
    wake(): void;
    close(): void;
};

/** The transport that works, whichever it is, with HTTP behind it. */
type Stream = {
    subscribe(topic: Topic, sink: Sink): Subscription;
    send(conversation: string, item: Outgoing): Promise<any>;
    /** what may be lost: {seq}, or {on, visibility} */
    tell(conversation: string, type: 'read' | 'typing', body: object): void;
    wake(): void;
    close(): void;
};

type Catalogue = Record<string, string | Partial<
    Record<Intl.LDMLPluralRule, string>>>;

type I18n = {
    lang: string;
    t(key: string, values?: Record<string, string | number>): string;
    number(value: number): string;
    /** a text of others in this language, or in one that they have */
    pick(words: Words | null | undefined): string;
    has(key: string): boolean;
    time(iso: string | number): string;
};

/** What the console says besides: a time with its day. */
type Wording = I18n & { dir: 'ltr' | 'rtl'; full(iso: string): string };

type Store<S, E> = {
    get(): S;
    dispatch(event: E): void;
    /** returns what ends it */
    subscribe(listener: (state: S) => void): () => void;
};

/** A message as it is kept, in the order of n. */
type Kept = Outgoing & { n: number };

type Shelf = {
    add(item: Outgoing): Promise<any>;
    all(): Promise<Kept[]>;
    put(item: Kept): Promise<any>;
    remove(n: number): Promise<any>;
    begun(n: number, lane: string, conversation: string): Promise<any>;
    lane(lane: string): Promise<string | undefined>;
    forget(): Promise<void>;
};

type Tabs = {
    /** whether there is a way to reach others */
    shared: boolean;
    post(message: object): void;
    listen(listener: (message: any) => void): () => void;
    /** one tab at a time */
    alone(what: string, act: () => Promise<any>,
          options?: { steal?: boolean }): Promise<any>;
    close(): void;
};

type Settings = {
    lang?: string;
    /** the language that was chosen by it */
    locale: string;
    theme?: string;
    title?: Words | null;
    intro?: string;
    mode?: string;
    single?: string | boolean | null;
    sound?: string | boolean;
    /** a token of the site, until it was handed over */
    identity?: string | null;
};

/** What the loader gives to the widget it loads. */
type Frame = {
    base: string;
    /** the name under which this prefix keeps things in the browser */
    key: string;
    settings: Settings;
    host: HTMLElement;
    root: ShadowRoot;
    launcher: HTMLButtonElement;
    badge: HTMLElement;
    emit(event: string, detail?: unknown): void;
    /** what the site says where the page says nothing */
    site(says: object): void;
    /** what the page has told of the visitor: set or track, and of what */
    told: any[];
    /** the visitor is gone, as another tab says */
    forget(): void;
};

type Panel = {
    open(): Promise<void>;
    close(): Promise<void>;
    toggle(): Promise<void>;
    /** as it was before the page was loaded again */
    restore(): Promise<void>;
    message(text: string, options?: { send?: boolean }): Promise<void>;
    startConversation(): Promise<void>;
    getUnread(): number;
    /** the settings have changed */
    update(): Promise<void>;
    /** hands over what the page has told */
    tell(): Promise<void>;
    /** known: another tab has told the server */
    shutdown(known?: boolean): Promise<void>;
};
