-- Visitors that are kept out, and visitors of whom nothing is kept.


-- As conversation_body in 0018; agents see whether the visitor is blocked.

CREATE OR REPLACE FUNCTION chat.conversation_body(p_kind text, p_id uuid,
    p_conversation uuid, p_epoch text)
RETURNS text LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_body  jsonb;
BEGIN
    IF p_kind = 'agent' THEN
        SELECT s.body::jsonb
               || jsonb_build_object('visitor',
                      s.body::jsonb -> 'visitor'
                      || jsonb_build_object(
                             'email', v.email,
                             'external_id', v.external_id,
                             'attributes', v.attributes,
                             'locale', v.locale,
                             'page', v.page,
                             'blocked', v.blocked_at IS NOT NULL,
                             'consent', (
                                 SELECT jsonb_build_object(
                                            'version', n.version,
                                            'locale', n.locale,
                                            'at', chat.rfc3339(n.created_at))
                                   FROM chat.get_consent(v.id, v.site) n
                                  LIMIT 1)))
          INTO v_body
          FROM chat.summary_agent(p_conversation, p_id, p_epoch) s
          JOIN chat.get_conversation(p_conversation) c ON true
          JOIN chat.get_visitor(c.site, c.visitor) v ON true;
    ELSE
        SELECT s.body INTO v_body
          FROM chat.summary_visitor(p_conversation, p_epoch) s;
    END IF;

    RETURN (SELECT v_body || jsonb_build_object(
                       'read', s.body::jsonb -> 'read',
                       'queue', s.body::jsonb -> 'queue',
                       'created_at', chat.rfc3339(c.created_at))
              FROM chat.get_conversation(p_conversation) c,
                   chat.state(p_kind, p_conversation, 0) s);
END
$$;


-- Blocks a visitor, or lets him in again.  Triggers end his streams.

CREATE FUNCTION chat.visitor_block_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid, p_visitor uuid, p_on boolean)
RETURNS TABLE (outcome text, body text) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    me  chat.agent;
    v   chat.visitor;
BEGIN
    SELECT * INTO me FROM chat.colleague(p_site, p_kind, p_id, p_session) a;

    IF me.id IS NULL THEN
        RETURN QUERY SELECT 'unauthenticated', NULL::text;
        RETURN;
    END IF;

    SELECT * INTO v FROM chat.customer(p_site, p_visitor);

    SELECT * INTO v FROM chat.visitor t
     WHERE t.id = v.id AND (t.site = p_site) IS TRUE
       FOR NO KEY UPDATE;

    IF v.id IS NULL OR v.erased_at IS NOT NULL THEN
        RETURN QUERY SELECT CASE WHEN v.id IS NULL THEN 'not_found'
                                 ELSE 'gone' END, NULL::text;
        RETURN;
    END IF;

    IF p_on <> (v.blocked_at IS NOT NULL) THEN
        UPDATE chat.visitor t
           SET blocked_at = CASE WHEN p_on THEN chat.now_ms() END
         WHERE t.id = v.id AND (t.site = p_site) IS TRUE;

        PERFORM chat.audit_put(p_site, me.id,
                               CASE WHEN p_on THEN 'visitor_block'
                                    ELSE 'visitor_unblock' END, v.id, NULL);
    END IF;

    RETURN QUERY
    SELECT 'ok', json_build_object('visitor', json_build_object(
               'id', v.id, 'name', v.name, 'verified', v.verified,
               'blocked', p_on))::text;
END
$$;


-- As session_start_3; who is blocked is told so, instead of becoming
-- somebody else.

CREATE FUNCTION chat.session_start_4(p_site integer, p_visitor uuid,
    p_issued bigint, p_fresh uuid, p_locale text, p_page text, p_epoch text,
    p_external text, p_name text, p_email text, p_attributes text,
    p_outside boolean)
RETURNS TABLE (outcome text, visitor uuid, issued bigint, body text)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
BEGIN
    IF EXISTS (SELECT FROM chat.get_visitor(p_site, p_visitor) v
                WHERE v.blocked_at IS NOT NULL AND v.valid_from <= p_issued
                  AND v.erased_at IS NULL)
       OR EXISTS (SELECT FROM chat.visitor v
                   WHERE v.external_id = p_external
                     AND (v.site = p_site) IS TRUE
                     AND v.blocked_at IS NOT NULL)
    THEN
        RETURN QUERY SELECT 'blocked', NULL::uuid, NULL::bigint, NULL::text;
        RETURN;
    END IF;

    RETURN QUERY
    SELECT * FROM chat.session_start_3(p_site, p_visitor, p_issued, p_fresh,
        p_locale, p_page, p_epoch, p_external, p_name, p_email,
        p_attributes, p_outside);
END
$$;


-- Conversations that were erased, and whose log is still to be deleted.

CREATE TABLE chat.erasure (
    conversation  uuid  PRIMARY KEY
);

CREATE INDEX visitor_merged ON chat.visitor (merged_into, site)
    WHERE merged_into IS NOT NULL;


-- Deletes up to p_lim events of conversations that were erased.

CREATE FUNCTION chat.erase_fill(p_lim integer) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_id      uuid;
    v_upto    bigint;
    v_number  integer;
    v_done    integer := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM chat.erasure) THEN
        RETURN 0;
    END IF;

    -- who fills the search is not to put back what goes here

    PERFORM pg_advisory_xact_lock(1667785079);

    WHILE v_done < p_lim LOOP
        SELECT r.conversation INTO v_id
          FROM chat.erasure r
         ORDER BY r.conversation
         LIMIT 1
           FOR UPDATE SKIP LOCKED;

        EXIT WHEN NOT FOUND;

        SELECT max(e.seq), count(*) INTO v_upto, v_number
          FROM (SELECT t.seq FROM chat.event t
                 WHERE t.conversation = v_id
                 ORDER BY t.seq LIMIT p_lim - v_done) e;

        DELETE FROM chat.event e
         WHERE e.conversation = v_id AND e.seq <= v_upto;

        IF v_done + v_number < p_lim THEN
            DELETE FROM chat.read_mark m WHERE m.conversation = v_id;
            DELETE FROM chat.search s WHERE s.conversation = v_id;
            DELETE FROM chat.event_history h WHERE h.conversation = v_id;
            DELETE FROM chat.erasure r WHERE r.conversation = v_id;
        END IF;

        v_done := v_done + v_number + 1;
    END LOOP;

    RETURN v_done;
END
$$;


-- Everything of a visitor goes, and of those who turned out to be the same.
-- What is left says that there was somebody: a row of the visitor and of each
-- conversation, with ids and times.  At once nobody reads anything of it any
-- more; a long log is deleted afterwards, in bites, and files by the workers.

CREATE FUNCTION chat.visitor_erase_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid, p_visitor uuid)
RETURNS TABLE (outcome text, body text) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_now       timestamptz := chat.now_ms();
    v_visitors  uuid[];
    v_ids       uuid[];
    me          chat.agent;
    v           chat.visitor;
BEGIN
    SELECT * INTO me FROM chat.colleague(p_site, p_kind, p_id, p_session) a;
    SELECT * INTO v FROM chat.customer(p_site, p_visitor);

    outcome := CASE
        WHEN me.id IS NULL THEN 'unauthenticated'
        WHEN chat.rank(me.role) < 2 THEN 'forbidden'
        WHEN v.id IS NULL THEN 'not_found'
        WHEN v.erased_at IS NOT NULL THEN 'gone' END;

    IF outcome IS NOT NULL THEN
        RETURN NEXT;
        RETURN;
    END IF;

    -- nobody begins a conversation meanwhile

    SELECT array_agg(l.id) INTO v_visitors
      FROM (SELECT t.id FROM chat.visitor t
             WHERE t.id = ANY (v.id || ARRAY(SELECT m.id FROM chat.visitor m
                                              WHERE m.merged_into = v.id
                                                AND m.site = p_site))
               AND (t.site = p_site) IS TRUE
             ORDER BY t.id
               FOR UPDATE) l;

    SELECT coalesce(array_agg(l.id), '{}') INTO v_ids
      FROM (SELECT c.id FROM chat.conversation c
             WHERE c.visitor = ANY (v_visitors) AND (c.site = p_site) IS TRUE
               AND c.erased_at IS NULL
             ORDER BY c.id
               FOR UPDATE) l;

    UPDATE chat.conversation c
       SET erased_at = v_now, client_msg_id = 'erased:' || c.id,
           status = 'resolved', labels = '{}', waiting_since = NULL,
           snoozed_until = NULL, version = c.version + 1
     WHERE c.id = ANY (v_ids);

    INSERT INTO chat.erasure (conversation)
    SELECT i FROM unnest(v_ids) i
        ON CONFLICT DO NOTHING;

    UPDATE chat.attachment a
       SET removed = true, expires_at = v_now, name = ''
     WHERE a.conversation = ANY (v_ids);
    UPDATE chat.attachment a
       SET removed = true, expires_at = v_now, name = ''
     WHERE a.uploader = ANY (v_visitors) AND (a.site = p_site) IS TRUE;

    DELETE FROM chat.track t
     WHERE t.visitor = ANY (v_visitors) AND (t.site = p_site) IS TRUE;
    DELETE FROM chat.consent n
     WHERE n.visitor = ANY (v_visitors) AND (n.site = p_site) IS TRUE;

    UPDATE chat.visitor t
       SET name = NULL, email = NULL, external_id = NULL, verified = false,
           attributes = '{}', locale = NULL, page = NULL, erased_at = v_now,
           valid_from = 9223372036854775807
     WHERE t.id = ANY (v_visitors) AND (t.site = p_site) IS TRUE;

    PERFORM chat.audit_put(p_site, me.id, 'visitor_erase', v.id,
                           jsonb_build_object('conversations',
                                              cardinality(v_ids)));

    PERFORM chat.erase_fill(1000);

    outcome := 'ok';
    body := json_build_object('visitor', json_build_object('id', v.id,
                'erased', true), 'conversations', cardinality(v_ids))::text;

    RETURN NEXT;
END
$$;


-- Work that goes on in the background, in bites of p_lim events.

CREATE FUNCTION chat.work_1(p_lim integer)
RETURNS TABLE (done integer, more boolean) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_erased  integer := chat.erase_fill(p_lim);
BEGIN
    RETURN QUERY
    SELECT v_erased + f.filled, v_erased >= p_lim OR f.more
      FROM chat.search_fill_1(p_lim) f;
END
$$;


UPDATE chat.schema SET version = 23;
