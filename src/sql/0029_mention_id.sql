-- Mentions by id, beside those by name.


-- append_1() of one note that mentions agents, with who they are; it may
-- carry files.

CREATE FUNCTION chat.append_mentions_1(p_site integer[], p_kind text[],
    p_id uuid[], p_issued bigint[], p_session uuid[], p_conversation uuid[],
    p_event uuid[], p_client_msg_id text[], p_internal boolean[],
    p_text text[], p_data text[], p_expected bigint[], p_wait boolean,
    p_files uuid[], p_mentions uuid[])
RETURNS SETOF chat.append_result LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_who      jsonb;
    v_data     text[];
    v_outcome  text;
    r          chat.append_result;
BEGIN
    SELECT jsonb_agg(jsonb_build_object('id', a.id, 'name', a.name)
                     ORDER BY m.n)
      INTO v_who
      FROM (SELECT i.id, min(i.n) AS n
              FROM unnest(p_mentions) WITH ORDINALITY i (id, n)
             GROUP BY i.id) m
      LEFT JOIN chat.get_agent(p_site[1], m.id) a
             ON a.disabled_at IS NULL AND NOT a.machine;

    -- a repeat is answered as the first one was

    IF v_who @> '[{"id": null}]'
       AND NOT EXISTS (SELECT 1
                         FROM chat.get_event_sent(p_conversation[1], p_id[1],
                                                  p_client_msg_id[1]))
    THEN
        SELECT a.outcome INTO v_outcome
          FROM chat.access(p_site[1], p_kind[1], p_id[1], p_issued[1],
                           p_session[1], p_conversation[1]) a;

        r.idx := 1;
        r.outcome := CASE v_outcome WHEN 'ok' THEN 'invalid:mentions'
                                    ELSE v_outcome END;
        r.conversation := p_conversation[1];

        RETURN NEXT r;
        RETURN;
    END IF;

    v_data := ARRAY[(coalesce(p_data[1]::jsonb, '{}')
                     || jsonb_build_object('mentions', v_who))::text];

    IF cardinality(p_files) = 0 THEN
        RETURN QUERY
        SELECT * FROM chat.append_1(p_site, p_kind, p_id, p_issued,
            p_session, p_conversation, p_event, p_client_msg_id, p_internal,
            p_text, v_data, p_expected, p_wait);
    ELSE
        RETURN QUERY
        SELECT * FROM chat.append_files_1(p_site, p_kind, p_id, p_issued,
            p_session, p_conversation, p_event, p_client_msg_id, p_internal,
            p_text, v_data, p_expected, p_wait, p_files);
    END IF;
END
$$;


-- As in 0024, with those who are named by id: of several who have that name
-- they are meant.

CREATE OR REPLACE FUNCTION chat.note_stored() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    v_text  text := lower(new.text);
    v_who   jsonb := coalesce(new.data -> 'mentions', '[]');
BEGIN
    INSERT INTO chat.mention (agent, conversation, seq, site, at)
    SELECT a.id, new.conversation, new.seq, new.site, new.created_at
      FROM chat.agent a
     WHERE a.site = new.site AND a.disabled_at IS NULL AND NOT a.machine
       AND a.id IS DISTINCT FROM new.sender_id
       AND (v_who @> jsonb_build_array(jsonb_build_object('id', a.id))
            OR strpos(v_text, '@' || lower(a.name)) <> 0
               AND v_text ~ ('@' || regexp_replace(lower(a.name),
                                  '([^[:alnum:]_[:space:]])', '\\\1', 'g')
                             || '(?![[:alnum:]_])')
               AND NOT EXISTS (SELECT
                                 FROM jsonb_array_elements(v_who) m (who)
                                WHERE lower(m.who ->> 'name')
                                      = lower(a.name)))
     LIMIT 70;

    RETURN NULL;
END
$$;

DROP TRIGGER note_stored ON chat.event;

CREATE TRIGGER note_stored AFTER INSERT ON chat.event
    FOR EACH ROW
    WHEN (new.internal AND new.type = 'message'
          AND (new.text LIKE '%@%' OR new.data ? 'mentions'))
    EXECUTE FUNCTION chat.note_stored();


UPDATE chat.schema SET version = 29;
