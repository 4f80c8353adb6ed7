-- Writing: conversations, the append, read marks and changes.
--
-- An event is written only by a transaction that holds the lock of its
-- conversation's row.  The functions are VOLATILE, so that each statement
-- after the lock sees what the former holder committed.


-- The first message makes the conversation.  Whoever repeats it, however
-- many times at once, gets that conversation and that message.

CREATE FUNCTION chat.conversation_create_1(p_site integer, p_kind text,
    p_id uuid, p_issued bigint, p_session uuid, p_conversation uuid,
    p_event uuid, p_client_msg_id text, p_text text, p_epoch text)
RETURNS SETOF chat.event_result LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_now      timestamptz := chat.now_ms();
    v_outcome  text := 'created';
    v_name     text;
    c          chat.conversation;
BEGIN
    IF p_kind <> 'visitor' THEN
        v_outcome := 'forbidden';
    ELSE
        SELECT a.name INTO v_name
          FROM chat.actor(p_site, p_kind, p_id, p_issued, p_session) a;

        IF NOT FOUND THEN
            v_outcome := 'unauthenticated';
        END IF;
    END IF;

    IF v_outcome = 'created' THEN
        INSERT INTO chat.conversation (id, site, visitor, client_msg_id,
            last_seq, public_seq, message_seq, public_message_seq, pub, vis,
            active_minute, active_at, public_at, waiting_since, created_at)
        VALUES (p_conversation, p_site, p_id, p_client_msg_id,
            1, 1, 1, 1, 1, 1,
            chat.ms(v_now) / 60000, v_now, v_now, v_now, v_now)
            ON CONFLICT (visitor, client_msg_id, site) DO NOTHING
        RETURNING * INTO c;

        IF FOUND THEN
            INSERT INTO chat.event (site, conversation, seq, id, type,
                internal, sender_kind, sender_id, client_msg_id, pub, vis,
                text, created_at)
            VALUES (p_site, p_conversation, 1, p_event, 'message',
                false, 'visitor', p_id, p_client_msg_id, 1, 1,
                p_text, v_now);

        ELSE
            SELECT * INTO c
              FROM chat.conversation t
             WHERE t.visitor = p_id AND t.client_msg_id = p_client_msg_id
               AND (t.site = p_site) IS TRUE;

            v_outcome := CASE WHEN c.erased_at IS NULL THEN 'duplicate'
                              ELSE 'gone' END;
        END IF;
    END IF;

    IF v_outcome NOT IN ('created', 'duplicate') THEN
        RETURN NEXT ROW (v_outcome, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL)::chat.event_result;
        RETURN;
    END IF;

    RETURN QUERY
    SELECT v_outcome, c.last_seq, c.public_seq, c.visitor, s.body, false,
           NULL::text, json_build_object('id', c.id)::text,
           NULL::bigint, NULL::text, NULL::uuid, NULL::text, NULL::text,
           NULL::uuid, NULL::text, NULL::boolean, NULL::bigint, NULL::text,
           NULL::text, NULL::bigint
      FROM chat.state('visitor', c.id, c.version) s
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           e.seq, e.type, e.id, e.client_msg_id, e.sender_kind, e.sender_id,
           v_name, e.internal, e.pub, e.text, e.data::text,
           chat.ms(e.created_at)
      FROM chat.event_public e
     WHERE e.conversation = c.id AND e.seq = 1;
END
$$;


-- One row per input row with its position from 1, and rows with idx 0 for
-- further events.  head and pub_head of a created row are those at its event.

CREATE TYPE chat.append_result AS (
    idx            integer,
    outcome        text,
    conversation   uuid,
    head           bigint,
    pub_head       bigint,
    seq            bigint,
    type           text,
    id             uuid,
    client_msg_id  text,
    sender_kind    text,
    sender_id      uuid,
    sender_name    text,
    internal       boolean,
    pub            bigint,
    text           text,
    data           text,
    created_at     bigint
);


-- Waits for row locks up to 500 ms.

CREATE FUNCTION chat.await_lock(p_conversation uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET lock_timeout = '500ms' SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET jit = off AS $$
BEGIN
    PERFORM 1 FROM chat.conversation c WHERE c.id = p_conversation
        FOR NO KEY UPDATE;

    RETURN true;

EXCEPTION WHEN lock_not_available THEN
    RETURN false;
END
$$;


-- A visitor's message to a resolved or snoozed conversation opens it first.
-- p_asleep are such conversations, locked by this transaction; p_skip are
-- positions that the batch will not store.

CREATE FUNCTION chat.reopen(p_site integer[], p_kind text[], p_id uuid[],
    p_issued bigint[], p_conversation uuid[], p_client_msg_id text[],
    p_internal boolean[], p_asleep uuid[], p_skip integer[],
    p_now timestamptz)
RETURNS SETOF chat.append_result LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
BEGIN
    RETURN QUERY
    WITH written AS MATERIALIZED (
        SELECT DISTINCT c.place
          FROM generate_series(1, cardinality(p_conversation)) i (idx)
          JOIN chat.get_visitor(p_site[i.idx], p_id[i.idx]) v
            ON v.valid_from <= p_issued[i.idx]
           AND v.blocked_at IS NULL AND v.erased_at IS NULL
          JOIN chat.get_conversation_at(NULL, p_conversation[i.idx]) c
            ON c.site = v.site AND c.visitor = v.id AND c.erased_at IS NULL
         WHERE p_kind[i.idx] = 'visitor' AND NOT p_internal[i.idx]
           AND c.id = ANY (p_asleep) AND i.idx <> ALL (p_skip)
           AND NOT EXISTS (
                   SELECT 1 FROM chat.get_event_sent(c.id, v.id,
                                     p_client_msg_id[i.idx]))
    ),
    opened AS (
        UPDATE chat.conversation c
           SET status = 'open', version = c.version + 1,
               last_seq = c.last_seq + 1, public_seq = c.last_seq + 1
          FROM written w
         WHERE c.ctid = w.place
        RETURNING c.*
    ),
    stored AS (
        INSERT INTO chat.event (site, conversation, seq, id, type, internal,
            sender_kind, pub, vis, data, created_at)
        SELECT o.site, o.id, o.last_seq, gen_random_uuid(), 'status', false,
               'system', o.pub, o.vis, '{"status": "open"}', p_now
          FROM opened o
        RETURNING *
    )
    SELECT 0, 'created', e.conversation, e.seq, e.seq,
           e.seq, e.type, e.id, e.client_msg_id, e.sender_kind, e.sender_id,
           NULL::text, e.internal, e.pub, e.text, e.data::text,
           chat.ms(e.created_at)
      FROM stored e;
END
$$;


-- Positions whose staleness depends on another agent's message in the same
-- batch, and everything after them in the conversation: they come back busy
-- and are asked again.

CREATE FUNCTION chat.undecided(p_kind text[], p_id uuid[],
    p_conversation uuid[], p_expected bigint[])
RETURNS integer[] LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(array_agg(u.idx), '{}')
      FROM (SELECT i.idx::integer,
                   bool_or(i.expected >= 0 AND i.kind = 'agent'
                           AND EXISTS (
                               SELECT 1
                                 FROM unnest(p_kind, p_id, p_conversation)
                                      WITH ORDINALITY
                                      e (kind, id, conversation, idx)
                                WHERE e.conversation = i.conversation
                                  AND e.kind = 'agent' AND e.id <> i.id
                                  AND e.idx < i.idx))
                   OVER (PARTITION BY i.conversation ORDER BY i.idx) AS held
              FROM unnest(p_kind, p_id, p_conversation, p_expected)
                   WITH ORDINALITY i (kind, id, conversation, expected, idx)
           ) u
     WHERE u.held
$$;


-- Appends a batch: one transaction, one outcome a row.
--
-- The rows' conversations are locked first; one that is locked by somebody
-- else makes its rows busy, so that batches neither wait for each other nor
-- deadlock.  p_wait, for a batch of one, waits up to 500 ms.  The statement
-- that follows sees what the former holders committed: it authorises, looks
-- for earlier results, numbers, and stores.
--
-- p_expected, -1 for none, is stale when another agent's message is above it,
-- and also, so that the look at them is short, when 1,000 events are.
--
-- The arrays are subscripted, not unnested: PL/pgSQL holds them expanded.

CREATE FUNCTION chat.append_1(p_site integer[], p_kind text[], p_id uuid[],
    p_issued bigint[], p_session uuid[], p_conversation uuid[],
    p_event uuid[], p_client_msg_id text[], p_internal boolean[],
    p_text text[], p_data text[], p_expected bigint[], p_wait boolean)
RETURNS SETOF chat.append_result LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_rows    integer := cardinality(p_conversation);
    v_now     timestamptz;
    v_ms      bigint;
    v_places  tid[];
    v_missed  uuid[];
    v_asleep  uuid[];
    v_unique  boolean;
    v_held    integer[] := '{}';
    v_again   integer[] := '{}';
    v_idx     integer;
BEGIN
    IF p_wait THEN
        PERFORM chat.await_lock(p_conversation[1]);
    END IF;

    SELECT array_agg(l.ctid),
           coalesce(array_agg(i.id) FILTER (WHERE l.ctid IS NULL), '{}'),
           array_agg(i.id) FILTER (WHERE l.status IN ('resolved',
                                                      'snoozed')),
           count(DISTINCT l.ctid) = count(l.ctid)
      INTO v_places, v_missed, v_asleep, v_unique
      FROM unnest(p_conversation) i (id)
      LEFT JOIN LATERAL (SELECT c.ctid, c.status
                           FROM chat.conversation c
                          WHERE c.id = i.id
                            FOR NO KEY UPDATE SKIP LOCKED) l ON true;

    v_now := chat.now_ms();
    v_ms := chat.ms(v_now);

    IF v_rows > 1 AND 0 <= ANY (p_expected) THEN
        v_held := chat.undecided(p_kind, p_id, p_conversation, p_expected);
    END IF;

    IF NOT v_unique THEN
        SELECT coalesce(array_agg(i.idx ORDER BY i.idx), '{}')
          INTO v_again
          FROM (SELECT u.idx::integer, u.conversation,
                       row_number() OVER (PARTITION BY u.conversation, u.id,
                                                       u.client_msg_id
                                          ORDER BY u.idx) AS n
                  FROM unnest(p_id, p_conversation, p_client_msg_id)
                       WITH ORDINALITY
                       u (id, conversation, client_msg_id, idx)) i
         WHERE i.n > 1 AND i.conversation <> ALL (v_missed)
           AND i.idx <> ALL (v_held);
    END IF;

    IF v_asleep IS NOT NULL THEN
        RETURN QUERY
        SELECT * FROM chat.reopen(p_site, p_kind, p_id, p_issued,
            p_conversation, p_client_msg_id, p_internal, v_asleep, v_held,
            v_now);

        v_places := NULL;
    END IF;

    RETURN QUERY
    WITH checked AS (
        SELECT i.idx, k.kind, k.conversation, k.internal,
               coalesce(v.name, a.name) AS name,
               c.place, c.site, c.last_seq, c.public_seq, c.pub, c.vis,
               d.seq AS first_seq,
               CASE
               WHEN v.id IS NULL AND a.id IS NULL
               THEN 'unauthenticated'
               WHEN c.id IS NULL
               THEN 'not_found'
               WHEN c.erased_at IS NOT NULL
               THEN 'gone'
               WHEN k.internal AND k.kind = 'visitor'
               THEN 'forbidden'
               WHEN d.seq IS NOT NULL
               THEN 'duplicate'
               WHEN c.id = ANY (v_missed) OR i.idx = ANY (v_held)
               THEN 'busy'
               WHEN p_expected[i.idx] >= 0 AND k.kind = 'agent'
                    AND (p_expected[i.idx] < c.last_seq - 1000
                         OR EXISTS (SELECT 1
                                      FROM chat.event e
                                     WHERE e.conversation = c.id
                                       AND e.seq > p_expected[i.idx]
                                       AND e.type = 'message'
                                       AND e.sender_kind = 'agent'
                                       AND e.sender_id <> k.id))
               THEN 'stale'
               ELSE 'created' END AS outcome
          FROM generate_series(1, v_rows) i (idx)
         CROSS JOIN LATERAL (
               SELECT p_kind[i.idx] AS kind, p_id[i.idx] AS id,
                      p_site[i.idx] AS site,
                      p_conversation[i.idx] AS conversation,
                      p_internal[i.idx] AS internal) k
          LEFT JOIN chat.get_visitor(k.site, CASE k.kind
                        WHEN 'visitor' THEN k.id END) v
                 ON v.valid_from <= p_issued[i.idx]
                AND v.blocked_at IS NULL AND v.erased_at IS NULL
          LEFT JOIN chat.get_agent_session(CASE k.kind
                        WHEN 'agent' THEN p_session[i.idx] END) s
                 ON s.site = k.site AND s.agent = k.id
                AND s.revoked_at IS NULL AND s.expires_at > v_now
          LEFT JOIN chat.get_agent(s.site, s.agent) a
                 ON a.disabled_at IS NULL
          LEFT JOIN chat.get_conversation_at(v_places[i.idx],
                                             k.conversation) c
                 ON c.site = k.site
                AND (c.visitor = v.id OR a.id IS NOT NULL)
          LEFT JOIN chat.get_event_sent(c.id, k.id,
                                        p_client_msg_id[i.idx]) d
                 ON true
         WHERE i.idx <> ALL (v_again)
    ),
    decided AS MATERIALIZED (
        SELECT n.*,
               n.last_seq + row_number() OVER w AS seq,
               n.pub + count(*) FILTER (WHERE NOT n.internal) OVER w
                   AS new_pub,
               n.vis + count(*) FILTER (WHERE n.kind = 'visitor') OVER w
                   AS new_vis,
               max(n.idx) FILTER (WHERE NOT n.internal) OVER w
                   AS public_idx,
               lead(n.idx) OVER w IS NULL AS last
          FROM checked n
        WINDOW w AS (PARTITION BY n.conversation, n.outcome ORDER BY n.idx
                     ROWS UNBOUNDED PRECEDING)
    ),
    created AS NOT MATERIALIZED (
        SELECT n.*,
               CASE n.public_idx
               WHEN n.idx THEN n.seq
               ELSE (SELECT p.seq FROM decided p WHERE p.idx = n.public_idx)
               END AS new_public,
               (n.new_pub - n.pub) - (n.new_vis - n.vis) AS replies
          FROM decided n
         WHERE n.outcome = 'created'
    ),
    stored AS (
        INSERT INTO chat.event (site, conversation, seq, id, type, internal,
            sender_kind, sender_id, client_msg_id, pub, vis, text, data,
            created_at)
        SELECT n.site, n.conversation, n.seq, p_event[n.idx], 'message',
               n.internal, n.kind, p_id[n.idx], p_client_msg_id[n.idx],
               n.new_pub, n.new_vis, p_text[n.idx], p_data[n.idx]::jsonb,
               v_now
          FROM decided n
         WHERE n.outcome = 'created'
    ),
    moved AS (
        UPDATE chat.conversation c
           SET last_seq = n.seq,
               public_seq = coalesce(n.new_public, c.public_seq),
               message_seq = n.seq,
               public_message_seq = coalesce(n.new_public,
                                             c.public_message_seq),
               pub = n.new_pub,
               vis = n.new_vis,
               notes = c.notes + (n.seq - c.last_seq) - (n.new_pub - c.pub),
               active_minute = v_ms / 60000,
               active_at = v_now,
               public_at = CASE WHEN n.public_idx IS NULL THEN c.public_at
                                ELSE v_now END,
               waiting_since = CASE p_kind[n.public_idx]
                   WHEN 'visitor'
                   THEN CASE WHEN n.replies = 0
                             THEN coalesce(c.waiting_since, v_now)
                             ELSE v_now END
                   WHEN 'agent' THEN NULL
                   ELSE c.waiting_since END,
               first_reply_at = CASE n.replies
                   WHEN 0 THEN c.first_reply_at
                   ELSE coalesce(c.first_reply_at, v_now) END
          FROM created n
         WHERE n.last AND c.ctid = n.place
    )
    SELECT n.idx, n.outcome, n.conversation, n.seq,
           coalesce(n.new_public, n.public_seq), n.seq, 'message',
           p_event[n.idx], p_client_msg_id[n.idx], n.kind, p_id[n.idx],
           n.name, n.internal, n.new_pub, p_text[n.idx], p_data[n.idx], v_ms
      FROM created n
    UNION ALL
    SELECT n.idx, n.outcome, n.conversation, n.last_seq, n.public_seq,
           d.seq, d.type, d.id, d.client_msg_id, d.sender_kind, d.sender_id,
           CASE WHEN d.seq IS NOT NULL THEN n.name END,
           d.internal, d.pub, d.text, d.data::text, chat.ms(d.created_at)
      FROM decided n
      LEFT JOIN chat.get_event(CASE n.outcome WHEN 'duplicate'
                                              THEN n.conversation END,
                               n.first_seq) d ON true
     WHERE n.outcome <> 'created';

    FOREACH v_idx IN ARRAY v_again LOOP
        RETURN QUERY
        SELECT CASE r.idx WHEN 0 THEN 0 ELSE v_idx END,
               r.outcome, r.conversation, r.head, r.pub_head, r.seq, r.type,
               r.id, r.client_msg_id, r.sender_kind, r.sender_id,
               r.sender_name, r.internal, r.pub, r.text, r.data, r.created_at
          FROM chat.append_1(p_site[v_idx:v_idx], p_kind[v_idx:v_idx],
                   p_id[v_idx:v_idx], p_issued[v_idx:v_idx],
                   p_session[v_idx:v_idx], p_conversation[v_idx:v_idx],
                   p_event[v_idx:v_idx], p_client_msg_id[v_idx:v_idx],
                   p_internal[v_idx:v_idx], p_text[v_idx:v_idx],
                   p_data[v_idx:v_idx], p_expected[v_idx:v_idx], false) r;
    END LOOP;
END
$$;


-- Moves the reader's mark forward, up to the head of the log.

CREATE FUNCTION chat.read_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid, p_conversation uuid, p_seq bigint)
RETURNS TABLE (outcome text, seq bigint, changed boolean,
    public_upto bigint, who text)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_changed  boolean;
    v_seq      bigint;
    v_public   bigint;
    a          record;
BEGIN
    SELECT * INTO a
      FROM chat.access(p_site, p_kind, p_id, p_issued, p_session,
                       p_conversation);

    IF a.outcome <> 'ok' THEN
        RETURN QUERY SELECT a.outcome, NULL::bigint, NULL::boolean,
            NULL::bigint, NULL::text;
        RETURN;
    END IF;

    INSERT INTO chat.read_mark AS m (site, conversation, kind, reader, seq,
                                     public_seq, pub, vis)
    SELECT p_site, p_conversation, p_kind, p_id, e.seq, p.seq, e.pub, e.vis
      FROM chat.event e,
           LATERAL (SELECT q.seq
                      FROM chat.event_public q
                     WHERE q.conversation = p_conversation AND q.seq <= e.seq
                     ORDER BY q.seq DESC LIMIT 1) p
     WHERE e.conversation = p_conversation
       AND e.seq = least(p_seq, a.last_seq)
        ON CONFLICT (conversation, kind, reader) DO UPDATE
       SET seq = excluded.seq, public_seq = excluded.public_seq,
           pub = excluded.pub, vis = excluded.vis
     WHERE m.seq < excluded.seq
    RETURNING m.seq, m.public_seq INTO v_seq, v_public;

    v_changed := FOUND;

    IF NOT v_changed THEN
        SELECT m.seq, m.public_seq INTO v_seq, v_public
          FROM chat.get_read_mark(p_conversation, p_kind, p_id) m;
    END IF;

    RETURN QUERY SELECT 'ok', coalesce(v_seq, 0::bigint), v_changed,
        coalesce(v_public, 0::bigint),
        chat.member(p_kind, p_id, a.name)::text;
END
$$;


-- Changes status and assignee.  p_version null: whatever it is.  The outcome
-- is busy if the row stays locked for 500 ms.

CREATE FUNCTION chat.change_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid, p_conversation uuid, p_version integer,
    p_status text, p_set_assignee boolean, p_assignee uuid, p_events uuid[],
    p_epoch text)
RETURNS SETOF chat.event_result LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_outcome   text;
    v_first     bigint;
    v_name      text;
    v_assignee  text;
    v_now       timestamptz;
    c           chat.conversation;
BEGIN
    SELECT a.outcome INTO v_outcome
      FROM chat.access(p_site, p_kind, p_id, p_issued, p_session,
                       p_conversation) a;

    IF v_outcome <> 'ok' THEN
        NULL;

    ELSIF p_kind = 'visitor'
          AND (p_set_assignee OR p_status IS DISTINCT FROM 'resolved')
    THEN
        v_outcome := 'forbidden';

    ELSIF p_status NOT IN ('open', 'pending', 'snoozed', 'resolved') THEN
        v_outcome := 'invalid:status';

    ELSIF NOT chat.await_lock(p_conversation) THEN
        v_outcome := 'busy';

    ELSE
        IF p_set_assignee AND p_assignee IS NOT NULL THEN
            SELECT b.name INTO v_assignee
              FROM chat.agent b
             WHERE b.id = p_assignee AND (b.site = p_site) IS TRUE
               AND b.disabled_at IS NULL
               FOR SHARE;

            IF NOT FOUND THEN
                v_outcome := 'invalid:assignee';
            END IF;
        END IF;

        SELECT * INTO c FROM chat.get_conversation(p_conversation);

        IF c.erased_at IS NOT NULL THEN
            v_outcome := 'gone';
        ELSIF v_outcome = 'ok' AND p_version <> c.version THEN
            v_outcome := 'conflict';
        END IF;
    END IF;

    IF v_outcome NOT IN ('ok', 'conflict') THEN
        RETURN NEXT ROW (v_outcome, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL)::chat.event_result;
        RETURN;
    END IF;

    v_first := c.last_seq + 1;

    IF v_outcome = 'ok' THEN
        v_now := chat.now_ms();

        IF p_status <> c.status THEN
            c.status := p_status;
            c.version := c.version + 1;
            c.last_seq := c.last_seq + 1;
            c.public_seq := c.last_seq;

            IF p_status = 'resolved' THEN
                c.waiting_since := NULL;
            END IF;

            INSERT INTO chat.event (site, conversation, seq, id, type,
                internal, sender_kind, sender_id, pub, vis, data, created_at)
            VALUES (p_site, c.id, c.last_seq, p_events[1], 'status',
                false, p_kind, p_id, c.pub, c.vis,
                jsonb_build_object('status', p_status), v_now);
        END IF;

        IF p_set_assignee AND p_assignee IS DISTINCT FROM c.assignee THEN
            c.assignee := p_assignee;
            c.version := c.version + 1;
            c.last_seq := c.last_seq + 1;

            INSERT INTO chat.event (site, conversation, seq, id, type,
                internal, sender_kind, sender_id, pub, vis, data, created_at)
            VALUES (p_site, c.id, c.last_seq, p_events[2], 'assignment',
                true, p_kind, p_id, c.pub, c.vis,
                jsonb_build_object('assignee',
                                   chat.person(p_assignee, v_assignee)),
                v_now);
        END IF;

        IF c.last_seq >= v_first THEN
            UPDATE chat.conversation t
               SET status = c.status, assignee = c.assignee,
                   version = c.version, last_seq = c.last_seq,
                   public_seq = c.public_seq,
                   waiting_since = c.waiting_since
             WHERE t.id = c.id;
        END IF;
    END IF;

    SELECT a.name INTO v_name
      FROM chat.actor(p_site, p_kind, p_id, p_issued, p_session) a;

    RETURN QUERY
    SELECT v_outcome, c.last_seq, c.public_seq, c.visitor, s.body, false,
           NULL::text,
           chat.conversation_body(p_kind, p_id, p_conversation, p_epoch),
           NULL::bigint, NULL::text, NULL::uuid, NULL::text, NULL::text,
           NULL::uuid, NULL::text, NULL::boolean, NULL::bigint, NULL::text,
           NULL::text, NULL::bigint
      FROM chat.state(p_kind, p_conversation, c.version) s
    UNION ALL
    (SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            e.seq, e.type, e.id, e.client_msg_id, e.sender_kind, e.sender_id,
            v_name, e.internal, e.pub, e.text, e.data::text,
            chat.ms(e.created_at)
       FROM chat.event e
      WHERE e.conversation = p_conversation AND e.seq >= v_first
      ORDER BY e.seq);
END
$$;


UPDATE chat.schema SET version = 3;
