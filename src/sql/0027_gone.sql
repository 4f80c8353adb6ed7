-- Conversations that are erased or deleted leave the lists of agents at once.


-- of conversations

ALTER TABLE chat.revocation ADD COLUMN site integer;


-- As in 0006, with the site.

CREATE OR REPLACE FUNCTION chat.revoke() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM chat.revocation
     WHERE ctid = ANY (ARRAY(SELECT r.ctid
                               FROM chat.revocation r
                              WHERE r.created_at < now() - interval '1 day'
                              ORDER BY r.created_at
                              LIMIT 16
                                FOR UPDATE SKIP LOCKED));

    IF tg_table_name = 'agent' THEN
        INSERT INTO chat.revocation (kind, id)
        SELECT 'session', s.id
          FROM chat.agent_session s
         WHERE s.site = old.site AND s.agent = old.id
           AND s.revoked_at IS NULL AND s.expires_at > now();

    ELSIF tg_table_name = 'agent_session' THEN
        INSERT INTO chat.revocation (kind, id) VALUES ('session', old.id);

    ELSIF tg_table_name = 'conversation' THEN
        INSERT INTO chat.revocation (kind, id, site)
        VALUES ('conversation', old.id, old.site);

    ELSIF tg_op = 'DELETE' OR new.blocked_at IS NOT NULL
          OR new.erased_at IS NOT NULL
    THEN
        INSERT INTO chat.revocation (kind, id) VALUES ('visitor', old.id);

    ELSE
        INSERT INTO chat.revocation (kind, id, valid_from)
        VALUES ('visitor', old.id, new.valid_from);
    END IF;

    RETURN NULL;
END
$$;

CREATE TRIGGER conversation_gone AFTER DELETE ON chat.conversation
    FOR EACH ROW WHEN (old.erased_at IS NULL)
    EXECUTE FUNCTION chat.revoke();


-- As revoked_1, with the site.

CREATE FUNCTION chat.revoked_2(p_since text)
RETURNS TABLE (next text, complete boolean, kind text, id uuid,
    valid_from bigint, site integer)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_since  pg_snapshot := p_since;
    v_now    pg_snapshot := pg_current_snapshot();
    v_many   boolean;
BEGIN
    SELECT count(*) > 1000 INTO v_many
      FROM (SELECT
              FROM chat.revocation r
             WHERE r.xact >= pg_snapshot_xmin(v_since)
               AND r.xact < pg_snapshot_xmax(v_now)
               AND NOT pg_visible_in_snapshot(r.xact, v_since)
               AND r.kind <> 'conversation'
             LIMIT 1001) r;

    RETURN QUERY
    SELECT v_now::text, NOT v_many, NULL::text, NULL::uuid, NULL::bigint,
           NULL::integer
    UNION ALL
    (SELECT NULL, NULL, r.kind, r.id, r.valid_from, r.site
       FROM chat.revocation r
      WHERE r.xact >= pg_snapshot_xmin(v_since)
        AND r.xact < pg_snapshot_xmax(v_now)
        AND NOT pg_visible_in_snapshot(r.xact, v_since)
        AND (r.kind = 'conversation' OR NOT v_many)
      LIMIT 10000);
END
$$;


-- As in 0011; of a conversation that is gone there is the id.

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
    v_gone   uuid[];
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

        SELECT array_agg(r.id) INTO v_gone
          FROM (SELECT r.id
                  FROM chat.revocation r
                 WHERE r.xact >= pg_snapshot_xmin(v_since)
                   AND r.kind = 'conversation'
                   AND (r.site = p_site) IS TRUE
                   AND NOT pg_visible_in_snapshot(r.xact, v_since)
                 LIMIT 1000) r;

        IF v_seen < 10000 AND coalesce(cardinality(v_ids), 0)
                              + coalesce(cardinality(v_gone), 0) <= v_lim
        THEN
            SELECT json_agg(l.body ORDER BY l.at DESC NULLS LAST, l.id DESC)
              INTO v_list
              FROM (
            SELECT s.body::jsonb || jsonb_build_object('in',
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
                   AS body, c.active_at AS at, c.id
              FROM unnest(v_ids) i (id)
              JOIN chat.get_conversation(i.id) c ON c.erased_at IS NULL,
                   LATERAL chat.summary_agent(c.id, p_id, p_epoch) s
             UNION ALL
            SELECT jsonb_build_object('id', g.id, 'in', false), NULL, g.id
              FROM unnest(v_gone) g (id)) l;

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


UPDATE chat.schema SET version = 27;
