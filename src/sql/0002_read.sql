-- Reading: pages of events, summaries, lists, the inbox and the sweep.
--
-- The functions with LANGUAGE sql that return a table are planned inside
-- their callers.  The callers pin the plan by SET clauses, since a plan made
-- while the tables are empty is kept for as long as the connection lives.


-- What functions that answer with events return: first a header (outcome to
-- body), then the events (seq to created_at) in ascending order.

CREATE TYPE chat.event_result AS (
    outcome        text,
    head           bigint,
    pub_head       bigint,
    owner          uuid,
    state          text,
    more           boolean,
    reason         text,
    body           text,
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


CREATE FUNCTION chat.is_uuid(text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT $1 ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
$$;


-- The state as a member sees it: to a visitor a read mark is the last public
-- seq at or below it.  The version rises whenever anything in it moves: the
-- conversation's version and every mark only grow.

CREATE FUNCTION chat.state(p_kind text, p_conversation uuid,
    p_version integer)
RETURNS TABLE (body text) LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'version', p_version + coalesce(sum(m.upto), 0),
               'read', coalesce(json_object_agg(m.reader, m.upto)
                                FILTER (WHERE m.reader IS NOT NULL),
                                '{}'),
               'typing', json_build_array(),
               'presence', json_build_array())::text
      FROM (SELECT m.kind || ':' || m.reader AS reader,
                   CASE WHEN p_kind = 'agent' THEN m.seq
                        ELSE m.public_seq END AS upto
              FROM chat.read_mark m
             WHERE m.conversation = p_conversation) m
$$;


CREATE FUNCTION chat.person(p_id uuid, p_name text) RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_id IS NOT NULL
                THEN json_build_object('id', p_id, 'name', p_name) END
$$;


-- A sender or a participant, as events name it.

CREATE FUNCTION chat.member(p_kind text, p_id uuid, p_name text)
RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('kind', p_kind, 'id', p_id, 'name', p_name)
$$;


CREATE FUNCTION chat.last_message(p_seq bigint, p_kind text, p_id uuid,
    p_name text, p_text text, p_created_at timestamptz)
RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'seq', p_seq,
               'sender', json_build_object('kind', p_kind, 'id', p_id,
                                           'name', p_name),
               'text', left(p_text, 200),
               'created_at', chat.rfc3339(p_created_at))
$$;


-- unread: the messages of the other side after the reader's mark.  They are
-- counted by the running counts pub and vis, not by reading messages.

CREATE FUNCTION chat.summary_visitor(p_conversation uuid, p_epoch text)
RETURNS TABLE (body json) LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'id', c.id,
               'status', c.status,
               'visitor', json_build_object('id', v.id, 'name', v.name,
                                            'verified', v.verified),
               'assignee', chat.person(a.id, a.name),
               'last', chat.last_message(e.seq, e.sender_kind, e.sender_id,
                           CASE e.sender_kind WHEN 'visitor' THEN v.name
                                              ELSE b.name END,
                           e.text, e.created_at),
               'unread', c.pub - c.vis - coalesce(m.pub - m.vis, 0),
               'version', c.version,
               'next', p_epoch || '.' || c.public_seq)
      FROM chat.get_conversation(p_conversation) c
      JOIN chat.get_visitor(c.site, c.visitor) v ON true
      LEFT JOIN chat.get_agent(c.site, c.assignee) a ON true
      LEFT JOIN chat.get_event_public(c.id, c.public_message_seq) e ON true
      LEFT JOIN chat.get_agent(c.site, e.sender_id) b ON true
      LEFT JOIN chat.get_read_mark(c.id, 'visitor', c.visitor) m ON true
$$;

CREATE FUNCTION chat.summary_agent(p_conversation uuid, p_agent uuid,
    p_epoch text)
RETURNS TABLE (body json) LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'id', c.id,
               'status', c.status,
               'visitor', json_build_object('id', v.id, 'name', v.name,
                                            'verified', v.verified),
               'assignee', chat.person(a.id, a.name),
               'team', NULL,
               'labels', json_build_array(),
               'priority', NULL,
               'last', chat.last_message(e.seq, e.sender_kind, e.sender_id,
                           CASE e.sender_kind WHEN 'visitor' THEN v.name
                                              ELSE b.name END,
                           e.text, e.created_at),
               'unread', c.vis - coalesce(m.vis, 0),
               'waiting_since', chat.rfc3339(c.waiting_since),
               'version', c.version,
               'next', p_epoch || '.' || c.last_seq)
      FROM chat.get_conversation(p_conversation) c
      JOIN chat.get_visitor(c.site, c.visitor) v ON true
      LEFT JOIN chat.get_agent(c.site, c.assignee) a ON true
      LEFT JOIN chat.get_event(c.id, c.message_seq) e ON true
      LEFT JOIN chat.get_agent(c.site, e.sender_id) b ON true
      LEFT JOIN chat.get_read_mark(c.id, 'agent', p_agent) m ON true
$$;


-- The conversation as GET answers it: a summary with the read marks.

CREATE FUNCTION chat.conversation_body(p_kind text, p_id uuid,
    p_conversation uuid, p_epoch text)
RETURNS text LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_body  jsonb;
BEGIN
    IF p_kind = 'agent' THEN
        SELECT s.body INTO v_body
          FROM chat.summary_agent(p_conversation, p_id, p_epoch) s;
    ELSE
        SELECT s.body INTO v_body
          FROM chat.summary_visitor(p_conversation, p_epoch) s;
    END IF;

    RETURN (SELECT v_body || jsonb_build_object(
                       'read', s.body::jsonb -> 'read',
                       'created_at', chat.rfc3339(c.created_at))
              FROM chat.get_conversation(p_conversation) c,
                   chat.state(p_kind, p_conversation, 0) s);
END
$$;


CREATE FUNCTION chat.conversation_get_1(p_site integer, p_kind text,
    p_id uuid, p_issued bigint, p_session uuid, p_conversation uuid,
    p_epoch text)
RETURNS TABLE (outcome text, body text) LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET join_collapse_limit = 1 SET jit = off AS $$
BEGIN
    RETURN QUERY
    SELECT a.outcome,
           CASE WHEN a.outcome = 'ok'
                THEN chat.conversation_body(p_kind, p_id, p_conversation,
                                            p_epoch) END
      FROM chat.access(p_site, p_kind, p_id, p_issued, p_session,
                       p_conversation) a;
END
$$;


-- Up to p_lim events on the page's side of its bounds: upwards from p_since,
-- or, if that is null, downwards from p_before.  A visitor reads the view.

CREATE FUNCTION chat.page(p_kind text, p_conversation uuid, p_since bigint,
    p_before bigint, p_lim integer)
RETURNS SETOF chat.event LANGUAGE sql STABLE AS $$
    (SELECT * FROM chat.event_public e
      WHERE p_kind = 'visitor' AND p_since IS NOT NULL
        AND e.conversation = p_conversation
        AND e.seq > p_since AND e.seq < p_before
      ORDER BY e.seq LIMIT p_lim)
    UNION ALL
    (SELECT * FROM chat.event_public e
      WHERE p_kind = 'visitor' AND p_since IS NULL
        AND e.conversation = p_conversation AND e.seq < p_before
      ORDER BY e.seq DESC LIMIT p_lim)
    UNION ALL
    (SELECT * FROM chat.event e
      WHERE p_kind = 'agent' AND p_since IS NOT NULL
        AND e.conversation = p_conversation
        AND e.seq > p_since AND e.seq < p_before
      ORDER BY e.seq LIMIT p_lim)
    UNION ALL
    (SELECT * FROM chat.event e
      WHERE p_kind = 'agent' AND p_since IS NULL
        AND e.conversation = p_conversation AND e.seq < p_before
      ORDER BY e.seq DESC LIMIT p_lim)
$$;


-- A page ends at p_lim events or 256 KiB of text, with at least one event.
-- One snapshot for the head, the state and the events.

CREATE FUNCTION chat.events_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid, p_conversation uuid, p_since bigint,
    p_before bigint, p_tail boolean, p_lim integer, p_epoch text)
RETURNS SETOF chat.event_result LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_lim     integer := least(greatest(p_lim, 1), 200);
    v_since   bigint := p_since;
    v_before  bigint := coalesce(p_before, 9223372036854775807);
    v_reason  text;
    v_name    text;
    a         record;
BEGIN
    SELECT * INTO a
      FROM chat.access(p_site, p_kind, p_id, p_issued, p_session,
                       p_conversation);

    IF a.outcome <> 'ok' THEN
        RETURN NEXT ROW (a.outcome, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL)::chat.event_result;
        RETURN;
    END IF;

    IF p_tail THEN
        v_since := NULL;
        v_before := 9223372036854775807;

    ELSIF v_since > a.last_seq THEN
        v_reason := 'ahead';
        v_since := NULL;
        v_before := 9223372036854775807;
        v_lim := 50;
    END IF;

    SELECT v.name INTO v_name FROM chat.get_visitor(p_site, a.visitor) v;

    RETURN QUERY
    WITH page AS MATERIALIZED (
        SELECT e.*, row_number() OVER w AS n,
               sum(coalesce(octet_length(e.text), 0)
                   + coalesce(pg_column_size(e.data), 0)) OVER w AS bytes
          FROM chat.page(p_kind, p_conversation, v_since, v_before,
                         v_lim + 1) e
        WINDOW w AS (ORDER BY CASE WHEN v_since IS NULL THEN - e.seq
                                   ELSE e.seq END
                     ROWS UNBOUNDED PRECEDING)
    ),
    cut AS MATERIALIZED (
        SELECT *
          FROM page p
         WHERE p.n <= v_lim AND (p.n = 1 OR p.bytes <= 262144)
    )
    SELECT 'ok', a.last_seq, a.public_seq, a.visitor, s.body,
           v_reason IS NULL
           AND (SELECT count(*) FROM page) > (SELECT count(*) FROM cut),
           v_reason, chat.member(p_kind, p_id, a.name)::text,
           NULL::bigint, NULL::text, NULL::uuid, NULL::text, NULL::text,
           NULL::uuid, NULL::text, NULL::boolean, NULL::bigint, NULL::text,
           NULL::text, NULL::bigint
      FROM chat.state(p_kind, p_conversation, a.version) s
    UNION ALL
    (SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            e.seq, e.type, e.id, e.client_msg_id, e.sender_kind,
            e.sender_id,
            CASE e.sender_kind WHEN 'visitor' THEN v_name ELSE b.name END,
            e.internal, e.pub, e.text, e.data::text,
            chat.ms(e.created_at)
       FROM cut e
       LEFT JOIN chat.get_agent(e.site, CASE e.sender_kind
                     WHEN 'agent' THEN e.sender_id END) b ON true
      ORDER BY e.seq);
END
$$;


-- Whether the actor is a member, and what events call him.

CREATE FUNCTION chat.member_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid, p_conversation uuid)
RETURNS TABLE (outcome text, who text) LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 AS $$
BEGIN
    RETURN QUERY
    SELECT a.outcome,
           CASE WHEN a.outcome = 'ok'
                THEN chat.member(p_kind, p_id, a.name)::text END
      FROM chat.access(p_site, p_kind, p_id, p_issued, p_session,
                       p_conversation) a;
END
$$;


-- What a worker reads to fill a gap for its subscribers: no actor, since each
-- of them has been authorised, and all of the log, since the worker itself
-- keeps internal events from visitors.

CREATE FUNCTION chat.feed_1(p_site integer, p_conversation uuid,
    p_since bigint, p_lim integer)
RETURNS SETOF chat.event_result LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_name  text;
    c       chat.conversation;
BEGIN
    SELECT * INTO c
      FROM chat.get_conversation(p_conversation) t
     WHERE t.site = p_site AND t.erased_at IS NULL;

    IF NOT FOUND THEN
        RETURN NEXT ROW ('gone', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL)::chat.event_result;
        RETURN;
    END IF;

    RETURN NEXT ROW ('ok', c.last_seq, c.public_seq, c.visitor, NULL, false,
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        NULL, NULL, NULL)::chat.event_result;

    SELECT v.name INTO v_name FROM chat.get_visitor(p_site, c.visitor) v;

    RETURN QUERY
    SELECT NULL, NULL::bigint, NULL::bigint, NULL::uuid, NULL, NULL::boolean,
           NULL, NULL,
           e.seq, e.type, e.id, e.client_msg_id, e.sender_kind,
           e.sender_id,
           CASE e.sender_kind WHEN 'visitor' THEN v_name ELSE b.name END,
           e.internal, e.pub, e.text, e.data::text, chat.ms(e.created_at)
      FROM chat.event e
      LEFT JOIN chat.get_agent(e.site, CASE e.sender_kind
                    WHEN 'agent' THEN e.sender_id END) b ON true
     WHERE e.conversation = p_conversation AND e.seq > p_since
     ORDER BY e.seq
     LIMIT least(greatest(p_lim, 1), 200);
END
$$;


-- A page token of a list is "<milliseconds>_<id>" of the last row.

CREATE FUNCTION chat.is_page(text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT $1 ~ '^[0-9]{1,14}_' AND chat.is_uuid(split_part($1, '_', 2))
$$;

CREATE FUNCTION chat.page_time(text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT to_timestamp(split_part($1, '_', 1)::bigint / 1000.0)
           ::timestamptz(3)
$$;


-- {"conversations", "more", "page"}: the visitor's own, latest public
-- message first, so that a note moves nothing.

CREATE FUNCTION chat.visitor_list(p_site integer, p_visitor uuid,
    p_lim integer, p_before text, p_epoch text)
RETURNS json LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_at    timestamptz := chat.page_time(p_before);
    v_id    uuid := split_part(p_before, '_', 2);
    v_list  json;
BEGIN
    WITH found AS MATERIALIZED (
        SELECT c.id, c.public_at,
               row_number() OVER (ORDER BY c.public_at DESC, c.id DESC) AS n
          FROM chat.conversation c
         WHERE c.visitor = p_visitor AND (c.site = p_site) IS TRUE
           AND c.erased_at IS NULL
           AND (p_before IS NULL OR (c.public_at, c.id) < (v_at, v_id))
         ORDER BY c.public_at DESC, c.id DESC
         LIMIT p_lim + 1
    )
    SELECT json_build_object(
               'conversations',
               coalesce(json_agg(s.body ORDER BY f.n), '[]'),
               'more', (SELECT count(*) > p_lim FROM found),
               'page', (SELECT chat.ms(t.public_at) || '_' || t.id
                          FROM found t
                         WHERE t.n = p_lim
                           AND (SELECT count(*) > p_lim FROM found)))
      INTO v_list
      FROM found f,
           LATERAL chat.summary_visitor(f.id, p_epoch) s
     WHERE f.n <= p_lim;

    RETURN v_list;
END
$$;


CREATE FUNCTION chat.conversations_visitor_1(p_site integer, p_kind text,
    p_id uuid, p_issued bigint, p_session uuid, p_lim integer, p_before text,
    p_epoch text)
RETURNS TABLE (outcome text, body text) LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
BEGIN
    IF p_kind <> 'visitor'
       OR NOT EXISTS (SELECT 1 FROM chat.actor(p_site, p_kind, p_id,
                                               p_issued, p_session))
    THEN
        RETURN QUERY SELECT 'unauthenticated', NULL::text;
        RETURN;
    END IF;

    IF p_before <> '' AND NOT chat.is_page(p_before) THEN
        RETURN QUERY SELECT 'invalid:before', NULL::text;
        RETURN;
    END IF;

    RETURN QUERY
    SELECT 'ok', chat.visitor_list(p_site, p_id,
                                   least(greatest(p_lim, 1), 200),
                                   nullif(p_before, ''), p_epoch)::text;
END
$$;


-- Starts or resumes an anonymous visitor.  A visitor's row is made when a
-- token is, and a token that is not valid (any more) makes a new visitor.

CREATE FUNCTION chat.session_start_1(p_site integer, p_visitor uuid,
    p_issued bigint, p_fresh uuid, p_locale text, p_page text, p_epoch text)
RETURNS TABLE (outcome text, visitor uuid, issued bigint, body text)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
DECLARE
    v_now      timestamptz := chat.now_ms();
    v_outcome  text := 'ok';
    v_list     json := '[]';
    v          chat.visitor;
BEGIN
    SELECT * INTO v
      FROM chat.get_visitor(p_site, p_visitor) t
     WHERE t.valid_from <= p_issued
       AND t.blocked_at IS NULL AND t.erased_at IS NULL;

    IF FOUND THEN
        IF p_locale <> coalesce(v.locale, '')
           OR p_page <> coalesce(v.page, '')
        THEN
            UPDATE chat.visitor t
               SET locale = coalesce(p_locale, t.locale),
                   page = coalesce(p_page, t.page)
             WHERE t.id = p_visitor AND (t.site = p_site) IS TRUE;
        END IF;

        v_list := chat.visitor_list(p_site, p_visitor, 20, NULL, p_epoch)
                  -> 'conversations';

    ELSE
        v_outcome := 'created';

        INSERT INTO chat.visitor (site, id, valid_from, locale, page,
                                  created_at)
        VALUES (p_site, p_fresh, chat.ms(v_now), p_locale, p_page, v_now)
        RETURNING * INTO v;
    END IF;

    RETURN QUERY
    SELECT v_outcome, v.id, greatest(chat.ms(v_now), v.valid_from),
           json_build_object(
               'visitor', json_build_object('id', v.id, 'name', v.name,
                                            'verified', v.verified),
               'site', json_build_object('name', s.name, 'locale', s.locale,
                                         'theme', s.theme),
               'conversations', v_list)::text
      FROM chat.site s
     WHERE s.id = p_site;
END
$$;


-- Ids of the first p_lim conversations of a filter, most recently active
-- first.  p_status null: any; p_assignee null: any, 'none', or a uuid.  Every
-- status is read by its own index range, which costs the same however many
-- conversations there are.  p_q looks through the 2,000 most recent.

CREATE FUNCTION chat.agent_list(p_site integer, p_status text,
    p_assignee text, p_q text, p_lim integer, p_before text)
RETURNS uuid[] LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    v_order   text := ' ORDER BY active_minute DESC, active_at DESC, id DESC';
    v_branch  text := '(SELECT c.id, c.visitor, c.message_seq,'
                      ' c.active_minute, c.active_at FROM chat.conversation c'
                      ' WHERE c.site = $1 AND c.erased_at IS NULL';
    v_query   text;
    v_ids     uuid[];
    v_at      timestamptz := chat.page_time(p_before);
BEGIN
    IF p_assignee = 'none' THEN
        v_branch := v_branch || ' AND c.assignee IS NULL';
    ELSIF p_assignee IS NOT NULL THEN
        v_branch := v_branch || ' AND c.assignee = $2::uuid';
    END IF;

    IF p_before IS NOT NULL THEN
        v_branch := v_branch || ' AND c.active_minute <= $3'
                                ' AND (c.active_at, c.id) < ($4, $5)';
    END IF;

    SELECT string_agg(v_branch || format(' AND c.status = %L', s) || v_order
                      || ' LIMIT $6)', ' UNION ALL ')
      INTO v_query
      FROM unnest(CASE WHEN p_status IS NULL
                       THEN '{open,pending,snoozed,resolved}'::text[]
                       ELSE ARRAY[p_status] END) s;

    v_query := 'SELECT * FROM (' || v_query || ') c';

    IF p_q IS NOT NULL THEN
        v_query := v_query
            || ' WHERE EXISTS (SELECT 1 FROM chat.visitor v'
               ' WHERE v.id = c.visitor AND v.site = $1 AND v.name ILIKE $7)'
               ' OR EXISTS (SELECT 1 FROM chat.event e'
               ' WHERE e.conversation = c.id AND e.seq = c.message_seq'
               ' AND left(e.text, 200) ILIKE $7)';
    END IF;

    EXECUTE 'SELECT array_agg(l.id) FROM (' || v_query || v_order
            || ' LIMIT $8) l'
       INTO v_ids
      USING p_site, nullif(p_assignee, 'none'),
            (chat.ms(v_at) / 60000)::integer, v_at,
            split_part(p_before, '_', 2)::uuid,
            CASE WHEN p_q IS NULL THEN p_lim ELSE 2000 END,
            '%' || regexp_replace(p_q, '([\\%_])', '\\\1', 'g') || '%',
            p_lim;

    RETURN coalesce(v_ids, '{}');
END
$$;


-- A filter's error as an outcome, else null.

CREATE FUNCTION chat.filter_error(p_status text, p_assignee text)
RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_status NOT IN ('open', 'pending', 'snoozed',
                                      'resolved')
                THEN 'invalid:status'
                WHEN p_assignee NOT IN ('me', 'none')
                     AND NOT chat.is_uuid(p_assignee)
                THEN 'invalid:assignee' END
$$;


CREATE FUNCTION chat.summaries_agent(p_ids uuid[], p_agent uuid,
    p_epoch text)
RETURNS json LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET join_collapse_limit = 1 SET jit = off AS $$
BEGIN
    RETURN (SELECT coalesce(json_agg(s.body ORDER BY i.n), '[]')
              FROM unnest(p_ids) WITH ORDINALITY i (id, n),
                   LATERAL chat.summary_agent(i.id, p_agent, p_epoch) s);
END
$$;


-- Teams and labels are not assigned yet, so such a filter matches nothing.

CREATE FUNCTION chat.conversations_agent_1(p_site integer, p_kind text,
    p_id uuid, p_issued bigint, p_session uuid, p_status text,
    p_assignee text, p_team text, p_label text, p_q text, p_lim integer,
    p_before text, p_epoch text)
RETURNS TABLE (outcome text, body text) LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
DECLARE
    v_lim   integer := least(greatest(p_lim, 1), 200);
    v_ids   uuid[] := '{}';
    v_more  boolean;
    v_page  text;
    v_error text;
BEGIN
    v_error := CASE
        WHEN p_kind <> 'agent'
             OR NOT EXISTS (SELECT 1 FROM chat.actor(p_site, p_kind, p_id,
                                                     p_issued, p_session))
        THEN 'unauthenticated'
        WHEN p_before <> '' AND NOT chat.is_page(p_before)
        THEN 'invalid:before'
        ELSE chat.filter_error(p_status, p_assignee) END;

    IF v_error IS NOT NULL THEN
        RETURN QUERY SELECT v_error, NULL::text;
        RETURN;
    END IF;

    IF p_team IS NULL AND p_label IS NULL THEN
        v_ids := chat.agent_list(p_site, p_status,
                     CASE p_assignee WHEN 'me' THEN p_id::text
                                     ELSE p_assignee END,
                     nullif(p_q, ''), v_lim + 1, nullif(p_before, ''));
    END IF;

    v_more := cardinality(v_ids) > v_lim;

    IF v_more THEN
        v_ids := v_ids[1:v_lim];

        SELECT chat.ms(c.active_at) || '_' || c.id INTO v_page
          FROM chat.get_conversation(v_ids[v_lim]) c;
    END IF;

    RETURN QUERY
    SELECT 'ok', json_build_object(
               'conversations', chat.summaries_agent(v_ids, p_id, p_epoch),
               'more', v_more, 'page', v_page)::text;
END
$$;


-- What changed since the cursor "<epoch>.<snapshot>": conversations with
-- events of transactions that the snapshot did not see.  Exact: nothing is
-- returned twice or left out, however transactions interleave.  If that is
-- too much, or the cursor is of another epoch, the list's first page is
-- returned and "complete" is false.

CREATE FUNCTION chat.inbox_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid, p_status text, p_assignee text,
    p_team text, p_label text, p_since text, p_lim integer, p_epoch text)
RETURNS TABLE (outcome text, body text, news boolean)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_lim       integer := least(greatest(p_lim, 1), 200);
    v_since     pg_snapshot;
    v_assignee  text := CASE p_assignee WHEN 'me' THEN p_id::text
                                        ELSE p_assignee END;
    v_ids       uuid[];
    v_more      boolean := false;
    v_seen      bigint;
    v_error     text;
    v_list      json;
BEGIN
    v_error := CASE
        WHEN p_kind <> 'agent'
             OR NOT EXISTS (SELECT 1 FROM chat.actor(p_site, p_kind, p_id,
                                                     p_issued, p_session))
        THEN 'unauthenticated'
        WHEN p_since <> ''
             AND p_since !~ '^[0-9a-f]{16}\.[0-9]+:[0-9]+:[0-9,]*$'
        THEN 'invalid:inbox'
        ELSE chat.filter_error(p_status, p_assignee) END;

    IF v_error IS NULL AND p_since <> '' THEN
        BEGIN
            v_since := split_part(p_since, '.', 2);
        EXCEPTION WHEN data_exception THEN
            v_error := 'invalid:inbox';
        END;
    END IF;

    IF v_error IS NOT NULL THEN
        RETURN QUERY SELECT v_error, NULL::text, NULL::boolean;
        RETURN;
    END IF;

    IF v_since IS NOT NULL AND split_part(p_since, '.', 1) = p_epoch THEN
        SELECT array_agg(DISTINCT e.conversation), count(*)
          INTO v_ids, v_seen
          FROM (SELECT e.conversation
                  FROM chat.event e
                 WHERE e.xact >= pg_snapshot_xmin(v_since)
                   AND e.site = p_site
                   AND NOT pg_visible_in_snapshot(e.xact, v_since)
                 LIMIT 10000) e;

        IF v_seen < 10000 AND coalesce(cardinality(v_ids), 0) <= v_lim THEN
            SELECT json_agg(s.body::jsonb || jsonb_build_object('in',
                       (p_status IS NULL OR c.status = p_status)
                       AND CASE WHEN v_assignee IS NULL THEN true
                                WHEN v_assignee = 'none'
                                THEN c.assignee IS NULL
                                ELSE c.assignee IS NOT DISTINCT FROM
                                     v_assignee::uuid END
                       AND p_team IS NULL AND p_label IS NULL)
                       ORDER BY c.active_at DESC, c.id DESC)
              INTO v_list
              FROM unnest(v_ids) i (id)
              JOIN chat.get_conversation(i.id) c ON c.erased_at IS NULL,
                   LATERAL chat.summary_agent(c.id, p_id, p_epoch) s;

            RETURN QUERY
            SELECT 'ok', json_build_object(
                       'conversations', coalesce(v_list, '[]'),
                       'more', false,
                       'complete', true,
                       'next', p_epoch || '.' || pg_current_snapshot())::text,
                   v_list IS NOT NULL;
            RETURN;
        END IF;
    END IF;

    v_ids := '{}';

    IF p_team IS NULL AND p_label IS NULL THEN
        v_ids := chat.agent_list(p_site, p_status, v_assignee, NULL,
                                 v_lim + 1, NULL);
        v_more := cardinality(v_ids) > v_lim;
    END IF;

    SELECT json_agg(l.body::jsonb || '{"in": true}' ORDER BY l.n)
      INTO v_list
      FROM json_array_elements(chat.summaries_agent(v_ids[1:v_lim], p_id,
                                                    p_epoch))
           WITH ORDINALITY l (body, n);

    RETURN QUERY
    SELECT 'ok', json_build_object(
               'conversations', coalesce(v_list, '[]'),
               'more', v_more,
               'complete', coalesce(p_since, '') = '',
               'next', p_epoch || '.' || pg_current_snapshot())::text,
           true;
END
$$;


-- The same for all sites, for a worker.  The first row has the next cursor;
-- its head is -1, and no row follows, if 100,000 events or more are
-- new: whoever asks then looks at each conversation it knows.

CREATE FUNCTION chat.sweep_1(p_since text)
RETURNS TABLE (next text, site integer, conversation uuid, head bigint)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_since  pg_snapshot := p_since;
    v_ids    uuid[];
    v_seen   bigint;
BEGIN
    SELECT array_agg(DISTINCT e.conversation), count(*)
      INTO v_ids, v_seen
      FROM (SELECT e.conversation
              FROM chat.event e
             WHERE e.xact >= pg_snapshot_xmin(v_since)
               AND NOT pg_visible_in_snapshot(e.xact, v_since)
             LIMIT 100000) e;

    IF v_seen >= 100000 THEN
        RETURN QUERY
        SELECT pg_current_snapshot()::text, NULL::integer, NULL::uuid,
               -1::bigint;
        RETURN;
    END IF;

    RETURN QUERY
    SELECT pg_current_snapshot()::text, NULL::integer, NULL::uuid,
           NULL::bigint
    UNION ALL
    SELECT NULL, c.site, c.id, c.last_seq
      FROM unnest(v_ids) i (id)
      JOIN chat.get_conversation(i.id) c ON true;
END
$$;


UPDATE chat.schema SET version = 2;
