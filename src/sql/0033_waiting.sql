-- The order "waiting" is one of all: those who wait are followed by those who
-- do not.


CREATE FUNCTION chat.status_number(p_status text) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE p_status WHEN 'open' THEN 1 WHEN 'pending' THEN 2
                         WHEN 'snoozed' THEN 3 ELSE 4 END
$$;


-- Ascending: since when one waits, which is less than 10^13; without, the
-- status in steps of 10^13, and what is newest first.

CREATE FUNCTION chat.waiting_key(p_since timestamptz, p_status text,
    p_active timestamptz)
RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(chat.ms(p_since),
                    (chat.status_number(p_status) + 1) * 10000000000000
                    - chat.ms(p_active))
$$;


-- As in 0011, where "waiting" is
--
--   waiting   those who have waited longest, of the 10,000 of each status in
--             which nothing has happened for longest; then the others, by
--             status, latest message first

CREATE OR REPLACE FUNCTION chat.agent_list_2(p_site integer, f chat.list_filter,
    p_order text, p_lim integer, p_before text)
RETURNS TABLE (id uuid, key bigint) LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_sort = off
SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    v_newest    boolean := p_order = 'newest';
    v_waiting   boolean := p_order = 'waiting';
    v_words     boolean := cardinality(f.words) > 0;
    v_key       text := CASE p_order
        WHEN 'waiting' THEN 'chat.waiting_key(c.waiting_since, c.status,'
                       ' c.active_at)'
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

    IF p_before IS NOT NULL THEN
        v_where := v_where || CASE
            WHEN v_newest
            THEN ' AND c.active_minute <= $7 / 60000 AND (c.active_at, c.id)'
                 ' < (to_timestamp($7 / 1000.0)::timestamptz(3), $8)'
            WHEN v_waiting
            THEN ' AND (' || v_key || ', c.id) > ($7, $8)'
            ELSE ' AND (' || v_key || ', c.id) < ($7, $8)' END;
    END IF;

    v_inner := v_recent || ' LIMIT ' || CASE WHEN v_words THEN 2000
                                             WHEN v_newest THEN p_lim
                                             ELSE 10000 END;

    IF f.label IS NOT NULL THEN

        -- the index of labels knows no order, but finds them all

        v_query := v_columns || v_where
                   || ' AND c.labels @> ARRAY[$9] AND c.labels <> ''{}'''
                      ' AND (c.site = $1) IS TRUE'
                      ' AND (c.status = ANY ($10)) IS TRUE'
                   || CASE WHEN v_waiting THEN '' ELSE v_inner END;

    ELSIF v_waiting THEN

        -- of each status those who wait, which is none that is resolved, and
        -- the others; a page that begins with one of these has nothing of
        -- what is before it

        SELECT coalesce(string_agg('(' || v_columns || v_where
                   || ' AND c.site = $1'
                   || format(' AND c.status = %L', s.name)
                   || CASE WHEN o.others
                           THEN ' AND c.waiting_since IS NULL'
                                || CASE WHEN v_at / 10000000000000 = s.n
                                        THEN ' AND c.active_minute <= $13'
                                        ELSE '' END
                                || ' ORDER BY active_minute DESC,'
                                   ' active_at DESC, id LIMIT '
                                || CASE WHEN v_words THEN 2000
                                        ELSE p_lim END
                           ELSE ' AND c.waiting_since IS NOT NULL'
                                ' ORDER BY active_minute, active_at, id'
                                ' LIMIT 10000' END
                   || ')', ' UNION ALL '), v_columns || ' WHERE false')
          INTO v_query
          FROM (SELECT u.name, chat.status_number(u.name) AS n
                  FROM unnest(v_statuses) u (name)) s
         CROSS JOIN (VALUES (false), (true)) o (others)
         WHERE (o.others OR s.name <> 'resolved')
           AND (p_before IS NULL
                OR v_at / 10000000000000 <= CASE WHEN o.others THEN s.n
                                                 ELSE 0 END);
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
            || ') c' || CASE WHEN v_waiting THEN ''
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
    EXECUTE v_query || CASE WHEN v_waiting
                            THEN ' ORDER BY l.key, l.id'
                            ELSE ' ORDER BY l.key DESC, l.id DESC' END
            || ' LIMIT $12'
      USING p_site, nullif(f.assignee, 'none')::uuid,
            nullif(f.team, 'none')::uuid, chat.priority_number(f.priority),
            f.before, f.after, v_at, split_part(p_before, '_', 2)::uuid,
            f.label, v_statuses, f.words, p_lim,
            ((10000000000000 - v_at % 10000000000000) / 60000)::integer;
END
$$;


-- As in 0017, in that order.

CREATE OR REPLACE FUNCTION chat.agent_search(p_site integer, f chat.list_filter,
    p_order text, p_lim integer, p_before text)
RETURNS TABLE (id uuid, key bigint, seq bigint) LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    v_key   bigint := split_part(p_before, '_', 1)::bigint;
    v_id    uuid := split_part(p_before, '_', 2)::uuid;
    v_sign  integer := CASE WHEN p_order = 'waiting' THEN 1 ELSE -1 END;
BEGIN
    RETURN QUERY
    SELECT l.conversation, l.key, l.seq
      FROM (SELECT h.conversation, h.seq, CASE p_order
                   WHEN 'waiting' THEN chat.waiting_key(c.waiting_since,
                                                         c.status,
                                                         c.active_at)
                   WHEN 'priority' THEN (c.priority + 1) * 10000000000000
                                        + chat.ms(c.active_at)
                   ELSE chat.ms(c.active_at) END AS key
              FROM chat.search_hits(p_site, f) h
             CROSS JOIN LATERAL chat.get_conversation(h.conversation) c) l
     WHERE l.key IS NOT NULL
       AND (p_before IS NULL
            OR CASE v_sign WHEN 1 THEN (l.key, l.conversation) > (v_key, v_id)
                           ELSE (l.key, l.conversation) < (v_key, v_id) END)
     ORDER BY v_sign * l.key,
              CASE v_sign WHEN 1 THEN l.conversation END,
              l.conversation DESC
     LIMIT p_lim;
END
$$;


UPDATE chat.schema SET version = 33;
