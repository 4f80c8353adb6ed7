-- What agents see of a visitor beside a conversation: the others that he has
-- had, and what the page has told of him.


-- Whom an agent means: of his own site, and whom the site says he is.

CREATE FUNCTION chat.customer(p_site integer, p_visitor uuid)
RETURNS SETOF chat.visitor LANGUAGE sql STABLE AS $$
    SELECT w.*
      FROM chat.get_visitor(p_site, p_visitor) v
     CROSS JOIN LATERAL chat.get_visitor(p_site,
               coalesce(v.merged_into, v.id)) w
$$;


-- {"conversations", "more", "page"}: latest message first.  A visitor has
-- few; all of them are looked at.

CREATE FUNCTION chat.customer_conversations_1(p_site integer, p_kind text,
    p_id uuid, p_issued bigint, p_session uuid, p_visitor uuid,
    p_lim integer, p_before text, p_epoch text)
RETURNS TABLE (outcome text, body text) LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_lim    integer := least(greatest(p_lim, 1), 200);
    v_at     timestamptz;
    v_last   uuid;
    v_ids    uuid[];
    v_more   boolean;
    v_error  text;
    v        chat.visitor;
BEGIN
    SELECT * INTO v FROM chat.customer(p_site, p_visitor);

    v_error := CASE
        WHEN p_kind <> 'agent'
             OR NOT EXISTS (SELECT 1 FROM chat.actor(p_site, p_kind, p_id,
                                                     p_issued, p_session))
        THEN 'unauthenticated'
        WHEN v.id IS NULL THEN 'not_found'
        WHEN v.erased_at IS NOT NULL THEN 'gone'
        WHEN p_before <> '' AND NOT chat.is_page(p_before)
        THEN 'invalid:before' END;

    IF v_error IS NOT NULL THEN
        RETURN QUERY SELECT v_error, NULL::text;
        RETURN;
    END IF;

    IF p_before <> '' THEN
        v_at := chat.page_time(p_before);
        v_last := split_part(p_before, '_', 2)::uuid;
    END IF;

    SELECT array_agg(l.id ORDER BY l.active_at DESC, l.id DESC) INTO v_ids
      FROM (SELECT c.id, c.active_at
              FROM chat.conversation c
             WHERE c.visitor = v.id AND (c.site = p_site) IS TRUE
               AND c.erased_at IS NULL
               AND (v_at IS NULL OR (c.active_at, c.id) < (v_at, v_last))
             ORDER BY c.active_at DESC, c.id DESC
             LIMIT v_lim + 1) l;

    v_more := coalesce(cardinality(v_ids), 0) > v_lim;

    RETURN QUERY
    SELECT 'ok', json_build_object(
               'conversations',
               chat.summaries_agent(coalesce(v_ids[1:v_lim], '{}'), p_id,
                                    p_epoch),
               'more', v_more,
               'page', CASE WHEN v_more THEN (
                   SELECT chat.ms(c.active_at) || '_' || c.id
                     FROM chat.get_conversation(v_ids[v_lim]) c) END)::text;
END
$$;


-- {"events", "more", "page"}: the latest first.

CREATE FUNCTION chat.customer_track_1(p_site integer, p_kind text,
    p_id uuid, p_issued bigint, p_session uuid, p_visitor uuid,
    p_lim integer, p_before text)
RETURNS TABLE (outcome text, body text) LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_lim    integer := least(greatest(p_lim, 1), 200);
    v_last   bigint := 9223372036854775807;
    v_list   jsonb;
    v_more   boolean;
    v_error  text;
    v        chat.visitor;
BEGIN
    SELECT * INTO v FROM chat.customer(p_site, p_visitor);

    v_error := CASE
        WHEN p_kind <> 'agent'
             OR NOT EXISTS (SELECT 1 FROM chat.actor(p_site, p_kind, p_id,
                                                     p_issued, p_session))
        THEN 'unauthenticated'
        WHEN v.id IS NULL THEN 'not_found'
        WHEN v.erased_at IS NOT NULL THEN 'gone'
        WHEN p_before <> '' AND p_before !~ '^[0-9]{1,18}$'
        THEN 'invalid:before' END;

    IF v_error IS NOT NULL THEN
        RETURN QUERY SELECT v_error, NULL::text;
        RETURN;
    END IF;

    IF p_before <> '' THEN
        v_last := p_before;
    END IF;

    SELECT jsonb_agg(jsonb_build_object(
               'id', l.id, 'name', l.name, 'data', l.data, 'url', l.url,
               'at', chat.rfc3339(l.at)) ORDER BY l.id DESC)
      INTO v_list
      FROM (SELECT *
              FROM chat.track t
             WHERE t.visitor = v.id AND t.id < v_last
               AND (t.site = p_site) IS TRUE
               AND t.created_at > now() - interval '30 days'
             ORDER BY t.id DESC
             LIMIT v_lim + 1) l;

    v_more := coalesce(jsonb_array_length(v_list), 0) > v_lim;

    RETURN QUERY
    SELECT 'ok', jsonb_build_object(
               'events', coalesce(v_list, '[]') - v_lim,
               'more', v_more,
               'page', CASE WHEN v_more
                            THEN v_list -> (v_lim - 1) ->> 'id' END)::text;
END
$$;


UPDATE chat.schema SET version = 21;
