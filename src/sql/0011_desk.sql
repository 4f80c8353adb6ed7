-- The desk: team, priority, labels and snooze of conversations, answers that
-- are kept ready, and lists by all of these.


ALTER TABLE chat.conversation
    ADD COLUMN team uuid,
    ADD COLUMN priority smallint NOT NULL DEFAULT 0
               CHECK (priority BETWEEN -1 AND 2),
    ADD COLUMN labels text[] NOT NULL DEFAULT '{}',
    ADD COLUMN snoozed_until timestamptz(3),
    ADD FOREIGN KEY (site, team) REFERENCES chat.team (site, id);

CREATE INDEX conversation_team
    ON chat.conversation (site, team, status, active_minute)
    WHERE team IS NOT NULL;
CREATE INDEX conversation_labels
    ON chat.conversation USING gin (labels) WHERE labels <> '{}';
CREATE INDEX conversation_snoozed
    ON chat.conversation (snoozed_until) WHERE status = 'snoozed';


CREATE TABLE chat.label (
    site        integer         NOT NULL REFERENCES chat.site (id),
    id          uuid            NOT NULL,
    name        text            NOT NULL,
    color       text,
    created_at  timestamptz(3)  NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (id, site)
);

CREATE UNIQUE INDEX label_name ON chat.label (name, (site::bigint));


CREATE TABLE chat.canned (
    site        integer         NOT NULL REFERENCES chat.site (id),
    id          uuid            NOT NULL,
    shortcut    text            NOT NULL,
    locale      text            NOT NULL DEFAULT '',
    title       text            NOT NULL,
    text        text            NOT NULL,
    changed_at  timestamptz(3)  NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (id, site)
);

CREATE UNIQUE INDEX canned_shortcut
    ON chat.canned (lower(shortcut), locale, (site::bigint));


CREATE FUNCTION chat.get_team(integer, uuid) RETURNS SETOF chat.team
LANGUAGE sql STABLE AS $$
    SELECT * FROM chat.team WHERE id = $2 AND (site = $1) IS TRUE
    OFFSET 0
$$;


CREATE FUNCTION chat.priority_name(smallint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE $1 WHEN -1 THEN 'low' WHEN 1 THEN 'high'
                   WHEN 2 THEN 'urgent' END
$$;

CREATE FUNCTION chat.priority_number(text) RETURNS smallint
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE $1 WHEN 'low' THEN -1 WHEN 'high' THEN 1
                   WHEN 'urgent' THEN 2 ELSE 0 END::smallint
$$;


CREATE OR REPLACE FUNCTION chat.summary_agent(p_conversation uuid,
    p_agent uuid, p_epoch text)
RETURNS TABLE (body json) LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'id', c.id,
               'status', c.status,
               'visitor', json_build_object('id', v.id, 'name', v.name,
                                            'verified', v.verified),
               'assignee', chat.person(a.id, a.name),
               'team', chat.person(t.id, t.name),
               'labels', c.labels,
               'priority', chat.priority_name(c.priority),
               'snoozed_until', CASE c.status WHEN 'snoozed'
                   THEN chat.rfc3339(c.snoozed_until) END,
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
      LEFT JOIN chat.get_team(c.site, c.team) t ON true
      LEFT JOIN chat.get_event(c.id, c.message_seq) e ON true
      LEFT JOIN chat.get_agent(c.site, e.sender_id) b ON true
      LEFT JOIN chat.get_read_mark(c.id, 'agent', p_agent) m ON true
$$;


-- What is wrong with a change of the conversation, or null.  The types have
-- been checked; v_until is the moment of snoozed_until.

CREATE FUNCTION chat.change_error(p_site integer, c chat.conversation,
    p_patch jsonb, p_until timestamptz)
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN p_patch ->> 'snoozed_until' IS NOT NULL
             AND (p_until IS NULL OR p_until <= now()
                  OR p_until > now() + interval '10 years'
                  OR coalesce(p_patch ->> 'status', 'snoozed') <> 'snoozed')
             OR p_patch ->> 'snoozed_until' IS NULL
             AND p_patch ->> 'status' = 'snoozed'
             AND (c.status <> 'snoozed' OR p_patch ? 'snoozed_until')
        THEN 'invalid:snoozed_until'
        WHEN p_patch ->> 'team' IS NOT NULL
             AND NOT EXISTS (SELECT FROM chat.get_team(p_site,
                                 (p_patch ->> 'team')::uuid))
        THEN 'invalid:team'
        WHEN jsonb_array_length(p_patch -> 'labels') > 20
             OR EXISTS (SELECT
                          FROM jsonb_array_elements_text(p_patch -> 'labels')
                               n (name)
                         WHERE n.name <> ALL (c.labels)
                           AND NOT EXISTS (SELECT FROM chat.label l
                                            WHERE l.name = n.name
                                              AND (l.site = p_site) IS TRUE))
        THEN 'invalid:labels' END
$$;


-- RFC 3339, or null.

CREATE FUNCTION chat.moment(p_text text) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_text ~ '^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?'
                '([Zz]|[+-]\d\d:\d\d)$'
    THEN
        RETURN p_text::timestamptz(3);
    END IF;

    RETURN NULL;

EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;


-- As change_1, for all that an agent can change, given as JSON whose types
-- have been checked.  Each of status, assignee and all the rest together is
-- an event; p_events are their ids.

CREATE FUNCTION chat.change_2(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid, p_conversation uuid, p_version integer,
    p_patch text, p_events uuid[], p_epoch text)
RETURNS SETOF chat.event_result LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_patch     jsonb := p_patch::jsonb - 'version';
    v_until     timestamptz := chat.moment(v_patch ->> 'snoozed_until');
    v_outcome   text;
    v_first     bigint;
    v_name      text;
    v_assignee  chat.agent;
    v_status    text;
    v_labels    text[];
    v_rest      jsonb := '{}';
    v_now       timestamptz;
    c           chat.conversation;
BEGIN
    SELECT a.outcome, a.name INTO v_outcome, v_name
      FROM chat.access(p_site, p_kind, p_id, p_issued, p_session,
                       p_conversation) a;

    IF v_outcome <> 'ok' THEN
        NULL;

    ELSIF p_kind = 'visitor' AND v_patch <> '{"status": "resolved"}' THEN
        v_outcome := 'forbidden';

    ELSIF NOT chat.await_lock(p_conversation) THEN
        v_outcome := 'busy';

    ELSE
        SELECT * INTO c FROM chat.get_conversation(p_conversation);

        IF v_patch ->> 'assignee' IS NOT NULL THEN
            SELECT * INTO v_assignee
              FROM chat.agent b
             WHERE b.id = (v_patch ->> 'assignee')::uuid
               AND (b.site = p_site) IS TRUE AND b.disabled_at IS NULL
               FOR SHARE;

            IF NOT FOUND THEN
                v_outcome := 'invalid:assignee';
            END IF;
        END IF;

        v_outcome := CASE
            WHEN c.erased_at IS NOT NULL THEN 'gone'
            WHEN v_outcome <> 'ok' THEN v_outcome
            ELSE coalesce(chat.change_error(p_site, c, v_patch, v_until),
                          CASE WHEN p_version <> c.version THEN 'conflict'
                               ELSE 'ok' END) END;
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

        -- a time to come back snoozes, none wakes

        v_status := coalesce(v_patch ->> 'status',
            CASE WHEN v_until IS NOT NULL THEN 'snoozed'
                 WHEN v_patch ? 'snoozed_until' AND c.status = 'snoozed'
                 THEN 'open' END);

        IF v_status <> c.status THEN
            c.status := v_status;
            c.version := c.version + 1;
            c.last_seq := c.last_seq + 1;
            c.public_seq := c.last_seq;

            IF v_status = 'resolved' THEN
                c.waiting_since := NULL;
            END IF;

            IF v_status <> 'snoozed' THEN
                c.snoozed_until := NULL;
            END IF;

            INSERT INTO chat.event (site, conversation, seq, id, type,
                internal, sender_kind, sender_id, pub, vis, data, created_at)
            VALUES (p_site, c.id, c.last_seq, p_events[1], 'status',
                false, p_kind, p_id, c.pub, c.vis,
                jsonb_build_object('status', v_status), v_now);
        END IF;

        IF v_patch ? 'assignee' AND v_assignee.id IS DISTINCT FROM c.assignee
        THEN
            c.assignee := v_assignee.id;
            c.version := c.version + 1;
            c.last_seq := c.last_seq + 1;

            INSERT INTO chat.event (site, conversation, seq, id, type,
                internal, sender_kind, sender_id, pub, vis, data, created_at)
            VALUES (p_site, c.id, c.last_seq, p_events[2], 'assignment',
                true, p_kind, p_id, c.pub, c.vis,
                jsonb_build_object('assignee',
                                   chat.person(v_assignee.id,
                                               v_assignee.name)),
                v_now);
        END IF;

        IF v_patch ? 'team'
           AND (v_patch ->> 'team')::uuid IS DISTINCT FROM c.team
        THEN
            c.team := (v_patch ->> 'team')::uuid;
            v_rest := v_rest || jsonb_build_object('team', (
                          SELECT chat.person(t.id, t.name)
                            FROM chat.get_team(p_site, c.team) t));
        END IF;

        IF v_patch ? 'priority'
           AND chat.priority_number(v_patch ->> 'priority') <> c.priority
        THEN
            c.priority := chat.priority_number(v_patch ->> 'priority');
            v_rest := v_rest || jsonb_build_object('priority',
                                    v_patch -> 'priority');
        END IF;

        IF v_patch ? 'labels' THEN
            SELECT coalesce(array_agg(DISTINCT n.name), '{}') INTO v_labels
              FROM jsonb_array_elements_text(v_patch -> 'labels') n (name);

            IF v_labels <> c.labels THEN
                c.labels := v_labels;
                v_rest := v_rest || jsonb_build_object('labels', v_labels);
            END IF;
        END IF;

        IF v_until IS NOT NULL AND v_until IS DISTINCT FROM c.snoozed_until
        THEN
            c.snoozed_until := v_until;
            v_rest := v_rest || jsonb_build_object('snoozed_until',
                                    chat.rfc3339(v_until));
        END IF;

        IF v_rest <> '{}' THEN
            c.version := c.version + 1;
            c.last_seq := c.last_seq + 1;

            INSERT INTO chat.event (site, conversation, seq, id, type,
                internal, sender_kind, sender_id, pub, vis, data, created_at)
            VALUES (p_site, c.id, c.last_seq, p_events[3], 'change',
                true, p_kind, p_id, c.pub, c.vis, v_rest, v_now);
        END IF;

        IF c.last_seq >= v_first THEN
            UPDATE chat.conversation t
               SET status = c.status, assignee = c.assignee, team = c.team,
                   priority = c.priority, labels = c.labels,
                   snoozed_until = c.snoozed_until, version = c.version,
                   last_seq = c.last_seq, public_seq = c.public_seq,
                   waiting_since = c.waiting_since
             WHERE t.id = c.id;
        END IF;
    END IF;

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


-- Timed work, by one worker at a time.  Snoozed conversations wake; those
-- that somebody holds wait for the next call.  The sweep tells of them.

CREATE FUNCTION chat.tick_1() RETURNS TABLE (woken integer)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_now    timestamptz := chat.now_ms();
    v_woken  integer := 0;
    c        record;
BEGIN
    IF pg_try_advisory_xact_lock(1667785078) THEN
        FOR c IN SELECT t.id, t.site, t.last_seq + 1 AS seq, t.pub, t.vis
                   FROM chat.conversation t
                  WHERE t.status = 'snoozed' AND t.snoozed_until <= v_now
                    AND t.erased_at IS NULL
                  ORDER BY t.snoozed_until
                  LIMIT 100
                    FOR NO KEY UPDATE SKIP LOCKED
        LOOP
            UPDATE chat.conversation t
               SET status = 'open', snoozed_until = NULL,
                   version = t.version + 1, last_seq = c.seq,
                   public_seq = c.seq
             WHERE t.id = c.id;

            INSERT INTO chat.event (site, conversation, seq, id, type,
                internal, sender_kind, pub, vis, data, created_at)
            VALUES (c.site, c.id, c.seq, gen_random_uuid(), 'status', false,
                'system', c.pub, c.vis, '{"status": "open"}', v_now);

            v_woken := v_woken + 1;
        END LOOP;
    END IF;

    RETURN QUERY SELECT v_woken;
END
$$;


-- Letters as people look for them: no case, no vowel points, no tatweel, one
-- form of alef, yeh, heh and of the Hebrew letters with a final form.

CREATE FUNCTION chat.fold(text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length($1) = char_length($1) THEN lower($1)
           ELSE translate(
               regexp_replace(lower($1),
                   '[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7'
                   '\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc'
                   '\u200e\u200f]', '', 'g'),
               'أإآٱىةؤئکیךםןףץ', 'اااايهوككيכמנפצ') END
$$;


-- A search: `is:open assignee:me team:… label:billing priority:high
-- before:2026-01-01 after:2025-12-01 "text" words`.  Each key sets the
-- parameter of its own; what has no key that is known is text.

CREATE TYPE chat.list_filter AS (
    status    text,
    assignee  text,
    team      text,
    label     text,
    priority  text,
    before    timestamptz,
    after     timestamptz,
    words     text[],
    error     text
);

CREATE FUNCTION chat.search_parse(p_site integer, p_q text,
    f chat.list_filter)
RETURNS chat.list_filter LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_key    text;
    v_value  text;
    m        text[];
BEGIN
    f.words := '{}';

    FOR m IN SELECT regexp_matches(left(p_q, 500),
                 '(?:(is|status|assignee|team|label|priority|before|after):)?'
                 '(?:"([^"]*)"?|(\S+))', 'g')
    LOOP
        v_key := m[1];
        v_value := coalesce(m[2], m[3]);

        CASE
        WHEN v_key IS NULL THEN
            IF btrim(v_value) <> '' AND cardinality(f.words) < 8 THEN
                f.words := f.words || chat.fold(v_value);
            END IF;

        WHEN v_key IN ('is', 'status') AND v_value IN ('open', 'pending',
                                                       'snoozed', 'resolved')
        THEN
            f.status := v_value;

        WHEN v_key = 'is' AND v_value = 'unassigned' THEN
            f.assignee := 'none';

        WHEN v_key = 'is' AND v_value = 'mine' THEN
            f.assignee := 'me';

        WHEN v_key = 'assignee'
             AND (v_value IN ('me', 'none') OR chat.is_uuid(v_value))
        THEN
            f.assignee := v_value;

        WHEN v_key = 'team' AND (v_value = 'none' OR chat.is_uuid(v_value))
        THEN
            f.team := v_value;

        WHEN v_key = 'team' THEN
            SELECT t.id::text INTO f.team
              FROM chat.team t
             WHERE lower(t.name) = lower(v_value)
               AND (t.site = p_site) IS TRUE;

            IF NOT FOUND THEN
                f.error := 'invalid:q';
            END IF;

        WHEN v_key = 'label' THEN
            f.label := v_value;

        WHEN v_key = 'priority' AND v_value IN ('low', 'normal', 'high',
                                                'urgent')
        THEN
            f.priority := v_value;

        WHEN v_key IN ('before', 'after')
             AND chat.moment(v_value || 'T00:00:00Z') IS NOT NULL
        THEN
            IF v_key = 'before' THEN
                f.before := chat.moment(v_value || 'T00:00:00Z');
            ELSE
                f.after := chat.moment(v_value || 'T00:00:00Z');
            END IF;

        ELSE
            f.error := 'invalid:q';
        END CASE;
    END LOOP;

    RETURN f;
END
$$;


-- As agent_list, by all of a filter, and in another order:
--
--   newest    latest message first
--   waiting   those who have waited longest, of the 10,000 of each status in
--             which nothing has happened for longest
--   priority  highest first, then the latest message, of the 10,000 most
--             recent of each status
--
-- Every condition is a text of this function, every value a parameter.  key
-- is what the order goes by, ascending for waiting, else descending, and
-- p_before "<key>_<id>" of the last row.  Words are looked for in the 2,000
-- most recent.

CREATE FUNCTION chat.agent_list_2(p_site integer, f chat.list_filter,
    p_order text, p_lim integer, p_before text)
RETURNS TABLE (id uuid, key bigint) LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_sort = off
SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    v_newest    boolean := p_order = 'newest';
    v_words     boolean := cardinality(f.words) > 0;
    v_key       text := CASE p_order
        WHEN 'waiting' THEN 'chat.ms(c.waiting_since)'
        WHEN 'priority' THEN '(c.priority + 1) * 10000000000000'
                             ' + chat.ms(c.active_at)'
        ELSE 'chat.ms(c.active_at)' END;
    v_recent    text := ' ORDER BY active_minute DESC, active_at DESC,'
                        ' id DESC';
    v_inner     text;
    v_where     text := ' WHERE c.erased_at IS NULL';
    v_columns   text;
    v_query     text;
    v_at        bigint := split_part(p_before, '_', 1)::bigint;
    v_statuses  text[] := CASE
        WHEN f.status IS NOT NULL THEN ARRAY[f.status]
        WHEN p_order = 'waiting' THEN '{open,pending,snoozed}'::text[]
        ELSE '{open,pending,snoozed,resolved}'::text[] END;
BEGIN
    v_columns := 'SELECT c.id, c.visitor, c.message_seq, c.active_minute,'
                 ' c.active_at, ' || v_key || ' AS key'
                 ' FROM chat.conversation c';

    IF f.assignee = 'none' THEN
        v_where := v_where || ' AND c.assignee IS NULL';
    ELSIF f.assignee IS NOT NULL THEN
        v_where := v_where || ' AND c.assignee = $2';
    END IF;

    IF f.team = 'none' THEN
        v_where := v_where || ' AND c.team IS NULL';
    ELSIF f.team IS NOT NULL THEN
        v_where := v_where || ' AND c.team = $3';
    END IF;

    IF f.priority IS NOT NULL THEN
        v_where := v_where || ' AND c.priority = $4';
    END IF;

    IF f.before IS NOT NULL THEN
        v_where := v_where || ' AND c.active_at < $5 AND c.active_minute <='
                              ' (chat.ms($5) / 60000)::integer';
    END IF;

    IF f.after IS NOT NULL THEN
        v_where := v_where || ' AND c.active_at >= $6 AND c.active_minute >='
                              ' (chat.ms($6) / 60000)::integer';
    END IF;

    IF p_order = 'waiting' THEN
        v_where := v_where || ' AND c.waiting_since IS NOT NULL';
    END IF;

    IF p_before IS NOT NULL THEN
        v_where := v_where || CASE
            WHEN v_newest
            THEN ' AND c.active_minute <= $7 / 60000 AND (c.active_at, c.id)'
                 ' < (to_timestamp($7 / 1000.0)::timestamptz(3), $8)'
            WHEN p_order = 'waiting'
            THEN ' AND (' || v_key || ', c.id) > ($7, $8)'
            ELSE ' AND (' || v_key || ', c.id) < ($7, $8)' END;
    END IF;

    v_inner := CASE WHEN p_order = 'waiting'
                    THEN ' ORDER BY active_minute, active_at, id'
                    ELSE v_recent END
               || ' LIMIT ' || CASE WHEN v_words THEN 2000
                                    WHEN v_newest THEN p_lim
                                    ELSE 10000 END;

    IF f.label IS NOT NULL THEN

        -- the index of labels knows no order, but finds them all

        v_query := v_columns || v_where
                   || ' AND c.labels @> ARRAY[$9] AND c.labels <> ''{}'''
                      ' AND (c.site = $1) IS TRUE'
                      ' AND (c.status = ANY ($10)) IS TRUE' || v_inner;
    ELSE
        SELECT string_agg('(' || v_columns || v_where || ' AND c.site = $1'
                          || format(' AND c.status = %L', s) || v_inner
                          || ')', ' UNION ALL ')
          INTO v_query
          FROM unnest(v_statuses) s;
    END IF;

    v_query := 'SELECT l.id, l.key FROM (' || v_query || ') l';

    IF v_words THEN
        v_query := 'SELECT l.id, l.key FROM (SELECT * FROM ('
            || replace(v_query, 'SELECT l.id, l.key', 'SELECT l.*')
            || ') c' || CASE WHEN p_order = 'waiting' THEN ''
                             ELSE v_recent || ' LIMIT 2000' END
            || ') l JOIN chat.visitor v ON v.id = l.visitor AND v.site = $1'
               ' JOIN chat.event e ON e.conversation = l.id'
               ' AND e.seq = l.message_seq'
               ' CROSS JOIN LATERAL (SELECT chat.fold(concat_ws(E''\n'','
               ' v.name, left(e.text, 200))) AS text OFFSET 0) t'
               ' WHERE NOT EXISTS (SELECT FROM unnest($11) w (word)'
               ' WHERE strpos(t.text, w.word) = 0)';
    END IF;

    RETURN QUERY
    EXECUTE v_query || CASE WHEN p_order = 'waiting'
                            THEN ' ORDER BY l.key, l.id'
                            ELSE ' ORDER BY l.key DESC, l.id DESC' END
            || ' LIMIT $12'
      USING p_site, nullif(f.assignee, 'none')::uuid,
            nullif(f.team, 'none')::uuid, chat.priority_number(f.priority),
            f.before, f.after, v_at, split_part(p_before, '_', 2)::uuid,
            f.label, v_statuses, f.words, p_lim;
END
$$;


CREATE FUNCTION chat.filter_error_2(f chat.list_filter) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(f.error, chat.filter_error(f.status, f.assignee),
                    CASE WHEN f.team <> 'none' AND NOT chat.is_uuid(f.team)
                         THEN 'invalid:team' END)
$$;


CREATE FUNCTION chat.conversations_agent_2(p_site integer, p_kind text,
    p_id uuid, p_issued bigint, p_session uuid, p_status text,
    p_assignee text, p_team text, p_label text, p_q text, p_order text,
    p_lim integer, p_before text, p_epoch text)
RETURNS TABLE (outcome text, body text) LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
DECLARE
    v_lim    integer := least(greatest(p_lim, 1), 200);
    v_order  text := coalesce(p_order, 'newest');
    v_ids    uuid[];
    v_keys   bigint[];
    v_more   boolean;
    v_error  text;
    f        chat.list_filter;
BEGIN
    f.status := p_status;
    f.assignee := p_assignee;
    f.team := p_team;
    f.label := p_label;

    IF p_q <> '' THEN
        f := chat.search_parse(p_site, p_q, f);
    END IF;

    v_error := CASE
        WHEN p_kind <> 'agent'
             OR NOT EXISTS (SELECT 1 FROM chat.actor(p_site, p_kind, p_id,
                                                     p_issued, p_session))
        THEN 'unauthenticated'
        WHEN p_before <> '' AND NOT chat.is_page(p_before)
        THEN 'invalid:before'
        WHEN v_order NOT IN ('newest', 'waiting', 'priority')
        THEN 'invalid:order'
        ELSE chat.filter_error_2(f) END;

    IF v_error IS NOT NULL THEN
        RETURN QUERY SELECT v_error, NULL::text;
        RETURN;
    END IF;

    IF f.assignee = 'me' THEN
        f.assignee := p_id::text;
    END IF;

    SELECT coalesce(array_agg(l.id), '{}'), array_agg(l.key)
      INTO v_ids, v_keys
      FROM chat.agent_list_2(p_site, f, v_order, v_lim + 1,
                             nullif(p_before, '')) l;

    v_more := cardinality(v_ids) > v_lim;

    RETURN QUERY
    SELECT 'ok', json_build_object(
               'conversations', chat.summaries_agent(v_ids[1:v_lim], p_id,
                                                     p_epoch),
               'more', v_more,
               'page', CASE WHEN v_more
                            THEN v_keys[v_lim] || '_' || v_ids[v_lim] END
               )::text;
END
$$;


-- As in 0002, with teams and labels.

CREATE OR REPLACE FUNCTION chat.inbox_1(p_site integer, p_kind text,
    p_id uuid, p_issued bigint, p_session uuid, p_status text,
    p_assignee text, p_team text, p_label text, p_since text, p_lim integer,
    p_epoch text)
RETURNS TABLE (outcome text, body text, news boolean)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_lim    integer := least(greatest(p_lim, 1), 200);
    v_since  pg_snapshot;
    v_ids    uuid[];
    v_more   boolean;
    v_seen   bigint;
    v_error  text;
    v_list   json;
    f        chat.list_filter;
BEGIN
    f.status := p_status;
    f.assignee := CASE p_assignee WHEN 'me' THEN p_id::text
                                  ELSE p_assignee END;
    f.team := p_team;
    f.label := p_label;

    v_error := CASE
        WHEN p_kind <> 'agent'
             OR NOT EXISTS (SELECT 1 FROM chat.actor(p_site, p_kind, p_id,
                                                     p_issued, p_session))
        THEN 'unauthenticated'
        WHEN p_since <> ''
             AND p_since !~ '^[0-9a-f]{16}\.[0-9]+:[0-9]+:[0-9,]*$'
        THEN 'invalid:inbox'
        ELSE chat.filter_error_2(f) END;

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
                       AND CASE WHEN f.assignee IS NULL THEN true
                                WHEN f.assignee = 'none'
                                THEN c.assignee IS NULL
                                ELSE c.assignee IS NOT DISTINCT FROM
                                     f.assignee::uuid END
                       AND CASE WHEN p_team IS NULL THEN true
                                WHEN p_team = 'none' THEN c.team IS NULL
                                ELSE c.team IS NOT DISTINCT FROM
                                     p_team::uuid END
                       AND (p_label IS NULL OR p_label = ANY (c.labels)))
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

    SELECT coalesce(array_agg(l.id), '{}') INTO v_ids
      FROM chat.agent_list_2(p_site, f, 'newest', v_lim + 1, NULL) l;

    v_more := cardinality(v_ids) > v_lim;

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


-- Labels, of which conversations keep the name.

CREATE FUNCTION chat.label_json(l chat.label) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', l.id, 'name', l.name, 'color', l.color)
$$;


CREATE FUNCTION chat.desk_labels(p_me chat.agent) RETURNS chat.desk_result
LANGUAGE sql STABLE AS $$
    SELECT 'ok', jsonb_build_object('labels',
                     coalesce(jsonb_agg(chat.label_json(l) ORDER BY l.name),
                              '[]'))
      FROM chat.label l
     WHERE l.site = p_me.site
$$;


CREATE FUNCTION chat.desk_label_create(p_me chat.agent, p_fresh uuid,
    p_body jsonb)
RETURNS chat.desk_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    l  chat.label;
BEGIN
    IF p_body ->> 'name' !~ '^[^[:space:][:cntrl:]",:]{1,32}$'
       OR NOT chat.is_name(p_body ->> 'name')
    THEN
        RETURN ROW ('invalid:name', NULL)::chat.desk_result;
    ELSIF p_body ->> 'color' !~ '^#[0-9a-fA-F]{6}$' THEN
        RETURN ROW ('invalid:color', NULL)::chat.desk_result;
    END IF;

    INSERT INTO chat.label (site, id, name, color)
    VALUES (p_me.site, p_fresh, lower(p_body ->> 'name'),
            p_body ->> 'color')
        ON CONFLICT (name, (site::bigint)) DO NOTHING
    RETURNING * INTO l;

    IF NOT FOUND THEN
        RETURN ROW ('invalid:name', NULL)::chat.desk_result;
    END IF;

    PERFORM chat.audit_put(p_me.site, p_me.id, 'label_create', l.id, p_body);

    RETURN ROW ('created', chat.label_json(l))::chat.desk_result;
END
$$;


CREATE FUNCTION chat.desk_label_delete(p_me chat.agent, p_object uuid)
RETURNS chat.desk_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_name  text;
BEGIN
    DELETE FROM chat.label l
     WHERE l.id = p_object AND l.site = p_me.site
    RETURNING l.name INTO v_name;

    IF NOT FOUND THEN
        RETURN ROW ('not_found', NULL)::chat.desk_result;
    END IF;

    PERFORM chat.audit_put(p_me.site, p_me.id, 'label_delete', p_object,
                           jsonb_build_object('name', v_name));

    RETURN ROW ('ok', NULL)::chat.desk_result;
END
$$;


CREATE FUNCTION chat.canned_json(c chat.canned) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', c.id, 'shortcut', c.shortcut,
               'title', c.title, 'text', c.text,
               'locale', nullif(c.locale, ''),
               'changed_at', chat.rfc3339(c.changed_at))
$$;


CREATE FUNCTION chat.desk_canned(p_me chat.agent) RETURNS chat.desk_result
LANGUAGE sql STABLE AS $$
    SELECT 'ok', jsonb_build_object('canned',
                     coalesce(jsonb_agg(chat.canned_json(c)
                                        ORDER BY c.shortcut, c.locale), '[]'))
      FROM chat.canned c
     WHERE c.site = p_me.site
$$;


CREATE FUNCTION chat.desk_canned_put(p_me chat.agent, p_object uuid,
    p_fresh uuid, p_body jsonb)
RETURNS chat.desk_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    c  chat.canned;
BEGIN
    IF p_body ->> 'shortcut' !~ '^[^[:space:][:cntrl:]/]{1,32}$' THEN
        RETURN ROW ('invalid:shortcut', NULL)::chat.desk_result;
    ELSIF p_body ? 'title' AND NOT chat.is_name(p_body ->> 'title') THEN
        RETURN ROW ('invalid:title', NULL)::chat.desk_result;
    ELSIF p_body ->> 'locale' !~ '^[a-z]{2,3}$' THEN
        RETURN ROW ('invalid:locale', NULL)::chat.desk_result;
    END IF;

    p_body := p_body || CASE WHEN p_body ? 'text'
        THEN jsonb_build_object('text', replace(p_body ->> 'text', E'\r\n',
                                                E'\n'))
        ELSE '{}' END;

    BEGIN
        IF p_object IS NULL THEN
            INSERT INTO chat.canned (site, id, shortcut, title, text, locale)
            VALUES (p_me.site, p_fresh, p_body ->> 'shortcut',
                    coalesce(p_body ->> 'title', p_body ->> 'shortcut'),
                    p_body ->> 'text', coalesce(p_body ->> 'locale', ''))
            RETURNING * INTO c;

        ELSE
            UPDATE chat.canned t
               SET shortcut = coalesce(p_body ->> 'shortcut', t.shortcut),
                   title = coalesce(p_body ->> 'title', t.title),
                   text = coalesce(p_body ->> 'text', t.text),
                   locale = CASE WHEN p_body ? 'locale'
                                 THEN coalesce(p_body ->> 'locale', '')
                                 ELSE t.locale END,
                   changed_at = chat.now_ms()
             WHERE t.id = p_object AND t.site = p_me.site
            RETURNING * INTO c;

            IF NOT FOUND THEN
                RETURN ROW ('not_found', NULL)::chat.desk_result;
            END IF;
        END IF;

    EXCEPTION WHEN unique_violation THEN
        RETURN ROW ('invalid:shortcut', NULL)::chat.desk_result;
    END;

    PERFORM chat.audit_put(p_me.site, p_me.id,
                           CASE WHEN p_object IS NULL THEN 'canned_create'
                                ELSE 'canned_change' END, c.id,
                           p_body - 'text');

    RETURN ROW (CASE WHEN p_object IS NULL THEN 'created' ELSE 'ok' END,
                chat.canned_json(c))::chat.desk_result;
END
$$;


CREATE FUNCTION chat.desk_canned_delete(p_me chat.agent, p_object uuid)
RETURNS chat.desk_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_shortcut  text;
BEGIN
    DELETE FROM chat.canned c
     WHERE c.id = p_object AND c.site = p_me.site
    RETURNING c.shortcut INTO v_shortcut;

    IF NOT FOUND THEN
        RETURN ROW ('not_found', NULL)::chat.desk_result;
    END IF;

    PERFORM chat.audit_put(p_me.site, p_me.id, 'canned_delete', p_object,
                           jsonb_build_object('shortcut', v_shortcut));

    RETURN ROW ('ok', NULL)::chat.desk_result;
END
$$;


-- As in 0009; its conversations have no team from then on.

CREATE OR REPLACE FUNCTION chat.desk_team_delete(p_me chat.agent,
    p_object uuid)
RETURNS chat.desk_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_name  text;
BEGIN
    UPDATE chat.conversation c
       SET team = NULL, version = c.version + 1
     WHERE c.team = p_object AND c.site = p_me.site;

    DELETE FROM chat.team t
     WHERE t.id = p_object AND t.site = p_me.site
    RETURNING t.name INTO v_name;

    IF NOT FOUND THEN
        RETURN ROW ('not_found', NULL)::chat.desk_result;
    END IF;

    PERFORM chat.audit_put(p_me.site, p_me.id, 'team_delete', p_object,
                           jsonb_build_object('name', v_name));

    RETURN ROW ('ok', NULL)::chat.desk_result;
END
$$;


-- The one way in: who asks, and whether the role is enough; then the act,
-- which looks at its own site alone.  p_fresh is an id for what may be made,
-- p_secret the hash of a token that the caller has made.

CREATE OR REPLACE FUNCTION chat.desk_1(p_action text, p_site integer,
    p_kind text, p_id uuid, p_issued bigint, p_session uuid, p_object uuid,
    p_fresh uuid, p_secret bytea, p_body text)
RETURNS TABLE (outcome text, body text) LANGUAGE plpgsql VOLATILE
SET jit = off AS $$
DECLARE
    v_need  integer;
    v_body  jsonb := coalesce(p_body, '{}');
    me      chat.agent;
    d       chat.desk_result;
BEGIN
    SELECT * INTO me
      FROM chat.colleague(p_site, p_kind, p_id, p_session) a;

    IF NOT FOUND THEN
        RETURN QUERY SELECT 'unauthenticated', NULL::text;
        RETURN;
    END IF;

    v_need := CASE
        WHEN p_action IN ('agents', 'agent', 'agent_change', 'sessions',
                          'sessions_end', 'session_revoke', 'teams', 'labels',
                          'canned')
        THEN 1
        WHEN p_action IN ('label_create', 'label_delete', 'canned_create',
                          'canned_change', 'canned_delete')
        THEN 2
        WHEN p_action IN ('agent_create', 'agent_invite', 'team_create',
                          'team_change', 'team_delete', 'audit')
        THEN 3 END;

    IF v_need IS NULL OR chat.rank(me.role) < v_need THEN
        RETURN QUERY SELECT 'forbidden', NULL::text;
        RETURN;
    END IF;

    d := CASE p_action
        WHEN 'agents' THEN chat.desk_agents(me, NULL)
        WHEN 'agent' THEN chat.desk_agents(me, p_object)
        WHEN 'agent_create'
        THEN chat.desk_agent_create(me, p_fresh, p_secret, v_body)
        WHEN 'agent_invite'
        THEN chat.desk_agent_invite(me, p_object, p_secret)
        WHEN 'agent_change'
        THEN chat.desk_agent_change(me, p_object, v_body)
        WHEN 'sessions' THEN chat.desk_sessions(me, p_session, p_object)
        WHEN 'sessions_end'
        THEN chat.desk_sessions_end(me, p_session, p_object)
        WHEN 'session_revoke' THEN chat.desk_session_end(me, p_object)
        WHEN 'teams' THEN chat.desk_teams(me)
        WHEN 'team_create'
        THEN chat.desk_team_put(me, NULL, p_fresh, v_body)
        WHEN 'team_change'
        THEN chat.desk_team_put(me, p_object, NULL, v_body)
        WHEN 'team_delete' THEN chat.desk_team_delete(me, p_object)
        WHEN 'audit' THEN chat.desk_audit(me, v_body)
        WHEN 'labels' THEN chat.desk_labels(me)
        WHEN 'label_create'
        THEN chat.desk_label_create(me, p_fresh, v_body)
        WHEN 'label_delete' THEN chat.desk_label_delete(me, p_object)
        WHEN 'canned' THEN chat.desk_canned(me)
        WHEN 'canned_create'
        THEN chat.desk_canned_put(me, NULL, p_fresh, v_body)
        WHEN 'canned_change'
        THEN chat.desk_canned_put(me, p_object, NULL, v_body)
        WHEN 'canned_delete' THEN chat.desk_canned_delete(me, p_object)
    END;

    RETURN QUERY SELECT d.outcome, d.body::text;
END
$$;


UPDATE chat.schema SET version = 11;
