-- What is erased or taken back stays away, whatever else goes on at the same
-- time.


-- As customer(), with the lock of the row: by the time that somebody has it,
-- the visitor may have turned out to be somebody else.

CREATE FUNCTION chat.customer_lock(p_site integer, p_visitor uuid)
RETURNS SETOF chat.visitor LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_locked  uuid;
    v         chat.visitor;
BEGIN
    LOOP
        SELECT * INTO v FROM chat.customer(p_site, p_visitor);

        IF v.id IS NULL THEN
            RETURN;
        END IF;

        EXIT WHEN v.id = v_locked;

        PERFORM FROM chat.visitor t
          WHERE t.id = v.id AND (t.site = p_site) IS TRUE
            FOR UPDATE;

        v_locked := v.id;
    END LOOP;

    RETURN NEXT v;
END
$$;


-- As in 0023.  Whoever merges somebody into this visitor has the lock of both.

CREATE OR REPLACE FUNCTION chat.visitor_erase_1(p_site integer,
    p_kind text, p_id uuid, p_issued bigint, p_session uuid, p_visitor uuid)
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

    IF chat.rank(me.role) >= 2 THEN
        SELECT * INTO v FROM chat.customer_lock(p_site, p_visitor);
    END IF;

    outcome := CASE
        WHEN me.id IS NULL THEN 'unauthenticated'
        WHEN chat.rank(me.role) < 2 THEN 'forbidden'
        WHEN v.id IS NULL THEN 'not_found'
        WHEN v.erased_at IS NOT NULL THEN 'gone' END;

    IF outcome IS NOT NULL THEN
        RETURN NEXT;
        RETURN;
    END IF;

    -- nobody begins a conversation meanwhile, or turns out to be the same

    SELECT v.id || array_agg(l.id) INTO v_visitors
      FROM (SELECT t.id FROM chat.visitor t
             WHERE t.merged_into = v.id AND t.site = p_site
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


-- As in 0008: nothing is written to who was erased meanwhile, and he begins
-- anew.

CREATE OR REPLACE FUNCTION chat.session_start_2(p_site integer, p_visitor uuid,
    p_issued bigint, p_fresh uuid, p_locale text, p_page text, p_epoch text)
RETURNS TABLE (outcome text, visitor uuid, issued bigint, body text)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
DECLARE
    v_now      timestamptz := chat.now_ms();
    v_outcome  text := 'ok';
    v          chat.visitor;
BEGIN
    SELECT * INTO v
      FROM chat.get_visitor(p_site, p_visitor) t
     WHERE t.valid_from <= p_issued
       AND t.blocked_at IS NULL AND t.erased_at IS NULL;

    IF FOUND AND (p_locale <> coalesce(v.locale, '')
                  OR p_page <> coalesce(v.page, ''))
    THEN
        UPDATE chat.visitor t
           SET locale = coalesce(p_locale, t.locale),
               page = coalesce(p_page, t.page)
         WHERE t.id = v.id AND (t.site = p_site) IS TRUE
           AND t.valid_from <= p_issued
           AND t.blocked_at IS NULL AND t.erased_at IS NULL
        RETURNING * INTO v;
    END IF;

    IF v.id IS NULL THEN
        v_outcome := 'created';

        INSERT INTO chat.visitor (site, id, valid_from, locale, page,
                                  created_at)
        VALUES (p_site, p_fresh, chat.ms(v_now), p_locale, p_page, v_now)
        RETURNING * INTO v;
    END IF;

    RETURN QUERY
    SELECT v_outcome, v.id, greatest(chat.ms(v_now), v.valid_from),
           chat.session_body(v, p_epoch);
END
$$;


-- As in 0013.

CREATE OR REPLACE FUNCTION chat.session_start_3(p_site integer, p_visitor uuid,
    p_issued bigint, p_fresh uuid, p_locale text, p_page text, p_epoch text,
    p_external text, p_name text, p_email text, p_attributes text,
    p_outside boolean)
RETURNS TABLE (outcome text, visitor uuid, issued bigint, body text)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
DECLARE
    v_now         timestamptz := chat.now_ms();
    v_attributes  jsonb := coalesce(p_attributes, '{}');
    v_error       text;
    v_before      chat.visitor;
    v             chat.visitor;
BEGIN
    SELECT * INTO v_before
      FROM chat.get_visitor(p_site, p_visitor) t
     WHERE t.valid_from <= p_issued
       AND t.blocked_at IS NULL AND t.erased_at IS NULL;

    IF p_external IS NULL THEN
        IF p_outside AND v_before.external_id IS NOT NULL THEN
            p_visitor := NULL;
        END IF;

        RETURN QUERY
        SELECT * FROM chat.session_start_2(p_site, p_visitor, p_issued,
            p_fresh, p_locale, p_page, p_epoch);
        RETURN;
    END IF;

    v_error := CASE
        WHEN NOT chat.is_line(to_jsonb(p_external), 255) THEN 'sub'
        WHEN NOT chat.is_line(to_jsonb(p_name), 100) THEN 'name'
        WHEN NOT chat.is_mailbox(p_email) THEN 'email'
        ELSE chat.attributes_error(v_attributes) END;

    IF v_error IS NOT NULL THEN
        RETURN QUERY SELECT 'invalid:identity.' || v_error, NULL::uuid,
            NULL::bigint, NULL::text;
        RETURN;
    END IF;

    -- nobody is found who was erased while this has waited

    LOOP
        INSERT INTO chat.visitor (site, id, external_id, verified,
                                  valid_from, created_at)
        VALUES (p_site, p_fresh, p_external, true, chat.ms(v_now), v_now)
            ON CONFLICT (external_id, site) WHERE external_id IS NOT NULL
            DO NOTHING;

        SELECT * INTO v
          FROM chat.visitor t
         WHERE t.external_id = p_external AND (t.site = p_site) IS TRUE
           FOR UPDATE;

        EXIT WHEN FOUND;
    END LOOP;

    IF v.blocked_at IS NOT NULL OR v.erased_at IS NOT NULL THEN
        RETURN QUERY SELECT 'forbidden', NULL::uuid, NULL::bigint,
            NULL::text;
        RETURN;
    END IF;

    UPDATE chat.visitor t
       SET verified = true,
           name = coalesce(p_name, t.name),
           email = coalesce(p_email, t.email),
           attributes = jsonb_strip_nulls(t.attributes || v_attributes),
           locale = coalesce(p_locale, t.locale),
           page = coalesce(p_page, t.page)
     WHERE t.id = v.id AND (t.site = p_site) IS TRUE
    RETURNING * INTO v;

    IF v_before.external_id IS NULL AND v_before.id <> v.id THEN
        SELECT * INTO v_before
          FROM chat.visitor t
         WHERE t.id = p_visitor AND (t.site = p_site) IS TRUE
           AND t.valid_from <= p_issued
           FOR UPDATE;

        IF FOUND THEN
            PERFORM chat.visitor_merge(v_before, v);
        END IF;
    END IF;

    RETURN QUERY
    SELECT CASE v.id WHEN p_fresh THEN 'created' ELSE 'ok' END, v.id,
           greatest(chat.ms(v_now), v.valid_from),
           chat.session_body(v, p_epoch);
END
$$;


-- As in 0013; the lock of the visitor, so that it is not written after all
-- else was erased.

CREATE OR REPLACE FUNCTION chat.track_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid, p_events text)
RETURNS TABLE (outcome text) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_now     timestamptz := chat.now_ms();
    v_events  jsonb := p_events;
BEGIN
    PERFORM FROM chat.visitor v
      WHERE p_kind = 'visitor' AND v.id = p_id AND (v.site = p_site) IS TRUE
        AND v.valid_from <= p_issued
        AND v.blocked_at IS NULL AND v.erased_at IS NULL
        FOR KEY SHARE;

    IF NOT FOUND THEN
        RETURN QUERY SELECT 'unauthenticated';
        RETURN;
    END IF;

    INSERT INTO chat.track (site, visitor, name, data, url, at, created_at)
    SELECT p_site, p_id, e ->> 'name', e -> 'data', e ->> 'url',
           greatest(v_now - interval '1 day',
                    least(v_now, (e ->> 'at')::timestamptz)),
           v_now
      FROM jsonb_array_elements(v_events) WITH ORDINALITY i (e, n)
     ORDER BY n;

    DELETE FROM chat.track
     WHERE id = ANY (ARRAY(SELECT t.id
                             FROM chat.track t
                            WHERE t.created_at < v_now - interval '30 days'
                            ORDER BY t.created_at
                            LIMIT 50
                              FOR UPDATE SKIP LOCKED));
    DELETE FROM chat.track
     WHERE id = ANY (ARRAY(SELECT t.id
                             FROM chat.track t
                            WHERE t.visitor = p_id
                              AND (t.site = p_site) IS TRUE
                            ORDER BY t.id DESC
                           OFFSET 1000 LIMIT 50));

    RETURN QUERY SELECT 'ok';
END
$$;


-- As in 0010, likewise.

CREATE OR REPLACE FUNCTION chat.attachment_begin_1(p_site integer, p_kind text,
    p_id uuid, p_issued bigint, p_session uuid, p_attachment uuid,
    p_name text, p_size bigint, p_quota bigint)
RETURNS TABLE (outcome text) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_bytes  bigint;
    v_files  bigint;
BEGIN
    -- one at a time, so that no two take the same room

    IF p_kind = 'visitor' THEN
        PERFORM FROM chat.visitor v
          WHERE v.id = p_id AND (v.site = p_site) IS TRUE
            AND v.valid_from <= p_issued
            AND v.blocked_at IS NULL AND v.erased_at IS NULL
            FOR NO KEY UPDATE;
    ELSE
        PERFORM FROM chat.actor(p_site, p_kind, p_id, p_issued, p_session);
    END IF;

    IF NOT FOUND THEN
        RETURN QUERY SELECT 'unauthenticated';
        RETURN;
    END IF;

    SELECT coalesce(sum(a.size), 0),
           count(*) FILTER (WHERE a.conversation IS NULL AND NOT a.removed)
      INTO v_bytes, v_files
      FROM chat.attachment a
     WHERE a.uploader = p_id AND a.created_at > now() - interval '1 day';

    IF v_files >= 200
       OR p_kind = 'visitor' AND (v_bytes + p_size > p_quota
                                  OR v_files >= 20)
    THEN
        RETURN QUERY SELECT 'quota';
        RETURN;
    END IF;

    INSERT INTO chat.attachment (id, site, kind, uploader, name, size,
                                 expires_at, created_at)
    VALUES (p_attachment, p_site, p_kind, p_id, p_name, p_size,
            now() + interval '1 day', now());

    RETURN QUERY SELECT 'ok';
END
$$;


-- As in 0022, with the responses to a card and with mentions.

CREATE OR REPLACE FUNCTION chat.redact(p_conversation uuid, p_seq bigint)
RETURNS void LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_seqs  bigint[];
BEGIN
    UPDATE chat.event_history h
       SET text = NULL
     WHERE h.conversation = p_conversation AND h.seq = p_seq
       AND h.text IS NOT NULL;

    -- the events of its edits say it as well, and what a card was answered
    -- means nothing without it

    WITH said AS (
        UPDATE chat.event e
           SET text = NULL,
               data = CASE e.type WHEN 'response' THEN '{"redacted": true}'
                                  ELSE e.data END
         WHERE e.conversation = p_conversation AND e.seq > p_seq
           AND e.type IN ('edit', 'response')
           AND e.data -> 'to' = to_jsonb(p_seq)
        RETURNING e.seq
    )
    SELECT array_agg(s.seq) INTO v_seqs FROM said s;

    UPDATE chat.event e
       SET text = NULL, data = '{"redacted": true}'
     WHERE e.conversation = p_conversation AND e.seq = p_seq;

    UPDATE chat.attachment a
       SET removed = true, expires_at = now()
     WHERE a.conversation = p_conversation AND a.seq = p_seq;

    DELETE FROM chat.mention m
     WHERE m.conversation = p_conversation AND m.seq = p_seq;

    -- what the fill holds goes when it comes to the event of the redaction

    DELETE FROM chat.search s
     WHERE s.ctid = ANY (ARRAY(
               SELECT x.ctid
                 FROM unnest(p_seq || v_seqs) i (seq)
                CROSS JOIN LATERAL (
                      SELECT r.ctid
                        FROM chat.search r
                       WHERE r.conversation = p_conversation
                         AND r.seq = i.seq
                         FOR UPDATE SKIP LOCKED) x));
END
$$;


-- As in 0022; the event of a redaction has "responses", which went with it,
-- the latest 1,000.

CREATE OR REPLACE FUNCTION chat.edit_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid, p_conversation uuid, p_event uuid,
    p_to bigint, p_text text)
RETURNS SETOF chat.event_result LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_now       timestamptz;
    v_action    text := CASE WHEN p_text IS NULL THEN 'redaction'
                             ELSE 'edit' END;
    v_outcome   text;
    v_name      text;
    v_own       boolean;
    v_redacted  boolean;
    v_rank      integer;
    v_answers   bigint[];
    c           chat.conversation;
    e           chat.event;
BEGIN
    SELECT a.outcome, a.name INTO v_outcome, v_name
      FROM chat.access(p_site, p_kind, p_id, p_issued, p_session,
                       p_conversation) a;

    IF v_outcome = 'ok' AND NOT chat.await_lock(p_conversation) THEN
        v_outcome := 'busy';
    END IF;

    IF v_outcome = 'ok' THEN
        v_now := chat.now_ms();

        SELECT * INTO c FROM chat.get_conversation(p_conversation);
        SELECT * INTO e FROM chat.get_event(p_conversation, p_to) t
         WHERE t.type = 'message' AND (p_kind = 'agent' OR NOT t.internal);

        SELECT chat.rank(a.role) INTO v_rank
          FROM chat.colleague(p_site, p_kind, p_id, p_session) a;

        v_own := e.sender_kind = p_kind AND e.sender_id = p_id
                 AND e.created_at > v_now - interval '15 minutes';
        v_redacted := coalesce(e.data -> 'redacted' = 'true', false);

        v_outcome := CASE
            WHEN c.erased_at IS NOT NULL THEN 'gone'
            WHEN p_kind = 'visitor' AND c.visitor <> p_id THEN 'not_found'
            WHEN e.seq IS NULL THEN 'not_found'
            WHEN NOT v_own IS TRUE
                 AND (p_text IS NOT NULL OR coalesce(v_rank, 0) < 2)
            THEN 'forbidden'
            WHEN p_text IS NULL AND v_redacted OR p_text = e.text THEN 'ok'
            WHEN v_redacted OR p_text IS NOT NULL AND e.data ? 'card'
            THEN 'forbidden'
            ELSE 'created' END;
    END IF;

    IF v_outcome <> 'created' THEN
        RETURN NEXT ROW (v_outcome, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL)::chat.event_result;
        RETURN;
    END IF;

    INSERT INTO chat.event_history (conversation, seq, at, actor_kind, actor,
                                    action, text)
    VALUES (c.id, p_to, v_now, p_kind, p_id, v_action,
            CASE WHEN p_text IS NOT NULL THEN e.text END);

    IF p_text IS NULL THEN
        IF e.data ? 'card' THEN
            SELECT array_agg(r.seq ORDER BY r.seq) INTO v_answers
              FROM (SELECT t.seq
                      FROM chat.event t
                     WHERE t.conversation = c.id AND t.seq > p_to
                       AND t.type = 'response'
                       AND t.data -> 'to' = to_jsonb(p_to)
                     ORDER BY t.seq DESC
                     LIMIT 1000) r;
        END IF;

        PERFORM chat.redact(c.id, p_to);
    ELSE
        UPDATE chat.event t
           SET text = p_text,
               data = coalesce(t.data, '{}')
                      || jsonb_build_object('edited_at', chat.rfc3339(v_now))
         WHERE t.conversation = c.id AND t.seq = p_to;
    END IF;

    INSERT INTO chat.event (site, conversation, seq, id, type, internal,
        sender_kind, sender_id, pub, vis, text, data, created_at)
    VALUES (p_site, c.id, c.last_seq + 1, p_event, v_action, e.internal,
        p_kind, p_id, c.pub, c.vis, p_text,
        jsonb_strip_nulls(jsonb_build_object('to', p_to,
                                             'responses', v_answers)),
        v_now);

    UPDATE chat.conversation t
       SET last_seq = c.last_seq + 1,
           public_seq = CASE WHEN e.internal THEN c.public_seq
                             ELSE c.last_seq + 1 END
     WHERE t.id = c.id
    RETURNING * INTO c;

    RETURN QUERY
    SELECT v_outcome, c.last_seq, c.public_seq, c.visitor, NULL, false,
           NULL::text, NULL::text,
           NULL::bigint, NULL::text, NULL::uuid, NULL::text, NULL::text,
           NULL::uuid, NULL::text, NULL::boolean, NULL::bigint, NULL::text,
           NULL::text, NULL::bigint
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           t.seq, t.type, t.id, t.client_msg_id, t.sender_kind, t.sender_id,
           v_name, t.internal, t.pub, t.text, t.data::text,
           chat.ms(t.created_at)
      FROM chat.get_event(c.id, c.last_seq) t;
END
$$;


-- As in 0017, with the responses.

CREATE OR REPLACE FUNCTION chat.search_fill_1(p_lim integer)
RETURNS TABLE (filled integer, more boolean) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET enable_sort = off SET jit = off AS $$
DECLARE
    v_xmin    xid8 := pg_snapshot_xmin(pg_current_snapshot());
    v_next    xid8;
    v_read    integer;
    v_filled  integer := 0;
    v_ids     uuid[];
    v_seqs    bigint[];
    s         chat.search_state;
BEGIN
    IF NOT pg_try_advisory_xact_lock(1667785079) THEN
        RETURN QUERY SELECT 0, false;
        RETURN;
    END IF;

    SELECT * INTO s FROM chat.search_state t WHERE t.one;

    IF s.up > v_xmin THEN
        s.up := v_xmin;
        s.conversation := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
        s.seq := 0;
    END IF;

    SELECT e.xact INTO v_next
      FROM chat.event e
     WHERE e.xact >= s.up AND e.xact < v_xmin
     ORDER BY e.xact
    OFFSET p_lim LIMIT 1;

    more := FOUND;

    IF NOT FOUND THEN
        v_next := v_xmin;

    ELSIF v_next = (SELECT e.xact FROM chat.event e WHERE e.xact >= s.up
                     ORDER BY e.xact LIMIT 1)
    THEN
        s.conversation := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
        s.seq := 0;
        s.up := (v_next::text::numeric + 1)::text::xid8;
    END IF;

    -- a message that was changed, a conversation that has begun, or whose
    -- visitor is somebody else now

    SELECT array_agg(i.conversation), array_agg(i.seq), count(*)
      INTO v_ids, v_seqs, v_read
      FROM (SELECT *
              FROM chat.event t
             WHERE t.xact >= s.up AND t.xact < v_next
             ORDER BY t.xact) e
     CROSS JOIN LATERAL (
           SELECT e.conversation, CASE WHEN e.type IN ('edit', 'redaction')
                                       THEN (e.data ->> 'to')::bigint
                                       ELSE e.seq END AS seq
           UNION ALL
           SELECT e.conversation, 0
            WHERE e.seq = 1 OR e.type = 'change' AND e.data ? 'visitor'
           UNION ALL
           SELECT e.conversation, r.seq::bigint
             FROM jsonb_array_elements_text(
                      CASE WHEN e.type = 'redaction'
                                AND jsonb_typeof(e.data -> 'responses')
                                    = 'array'
                           THEN e.data -> 'responses' END) r (seq)) i;

    s.up := greatest(s.up, v_next);

    WITH renamed AS (
        DELETE FROM chat.search_visitor v
         WHERE v.ctid = ANY (ARRAY(SELECT t.ctid FROM chat.search_visitor t
                                    ORDER BY t.visitor, t.site LIMIT 20
                                      FOR UPDATE SKIP LOCKED))
        RETURNING v.site, v.visitor
    )
    SELECT coalesce(v_ids, '{}') || coalesce(array_agg(c.id), '{}'),
           coalesce(v_seqs, '{}') || coalesce(array_agg(0::bigint)
               FILTER (WHERE c.id IS NOT NULL), '{}')
      INTO v_ids, v_seqs
      FROM renamed r
     CROSS JOIN LATERAL (SELECT t.id FROM chat.conversation t
                          WHERE t.visitor = r.visitor
                            AND (t.site = r.site) IS TRUE
                          LIMIT 100) c;

    IF cardinality(v_ids) > 0 THEN
        DELETE FROM chat.search t
         WHERE t.ctid = ANY (ARRAY(
                   SELECT x.ctid
                     FROM unnest(v_ids, v_seqs) i (conversation, seq)
                    CROSS JOIN LATERAL (
                          SELECT r.ctid FROM chat.search r
                           WHERE r.conversation = i.conversation
                             AND r.seq = i.seq
                          OFFSET 0) x));

        v_filled := chat.search_put(true, v_ids, v_seqs);
    END IF;

    IF NOT more AND s.conversation IS NOT NULL THEN
        SELECT array_agg(e.conversation ORDER BY e.conversation DESC,
                                                 e.seq DESC),
               array_agg(e.seq ORDER BY e.conversation DESC, e.seq DESC),
               count(*)
          INTO v_ids, v_seqs, v_read
          FROM (SELECT t.conversation, t.seq
                  FROM chat.event t
                 WHERE (t.conversation, t.seq) < (s.conversation, s.seq)
                 ORDER BY t.conversation DESC, t.seq DESC
                 LIMIT p_lim) e;

        more := v_read = p_lim;
        s.conversation := CASE WHEN more THEN v_ids[v_read] END;
        s.seq := CASE WHEN more THEN v_seqs[v_read] END;

        IF v_read > 0 THEN
            v_filled := v_filled + chat.search_put(false,
                v_ids || ARRAY(SELECT i.id
                                 FROM unnest(v_ids, v_seqs) i (id, seq)
                                WHERE i.seq = 1),
                v_seqs || ARRAY(SELECT 0::bigint FROM unnest(v_seqs) n
                                 WHERE n = 1));
        END IF;
    END IF;

    UPDATE chat.search_state t
       SET up = s.up, conversation = s.conversation, seq = s.seq
     WHERE t.one AND (t.up, t.conversation, t.seq)
                     IS DISTINCT FROM (s.up, s.conversation, s.seq);

    filled := v_filled;

    RETURN NEXT;
END
$$;


-- As in 0025; a change of nothing would be a way to read.

CREATE OR REPLACE FUNCTION chat.desk_visitor_change(p_me chat.agent,
    p_object uuid, p_body jsonb)
RETURNS chat.desk_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_attributes  jsonb := coalesce(p_body -> 'attributes', '{}');
    v_all         jsonb;
    v_outcome     text;
    v             chat.visitor;
BEGIN
    IF p_body - 'attributes' = '{}' AND v_attributes = '{}' THEN
        RETURN ROW ('empty', NULL)::chat.desk_result;
    END IF;

    SELECT * INTO v
      FROM chat.visitor t
     WHERE t.id = p_object AND (t.site = p_me.site) IS TRUE
       FOR NO KEY UPDATE;

    v_all := jsonb_strip_nulls(v.attributes || v_attributes);

    v_outcome := CASE
        WHEN v.id IS NULL THEN 'not_found'
        WHEN v.erased_at IS NOT NULL THEN 'gone'
        WHEN v.verified AND (p_body ? 'name' OR p_body ? 'email'
                             OR v_attributes ?| v.claimed)
        THEN 'forbidden'
        WHEN p_body ? 'name' AND NOT chat.is_line(p_body -> 'name', 100)
        THEN 'invalid:name'
        WHEN p_body ? 'email' AND NOT chat.is_mailbox(p_body ->> 'email')
        THEN 'invalid:email'
        WHEN chat.attributes_error(v_attributes) IS NOT NULL
             OR (SELECT count(*) FROM jsonb_object_keys(v_all)) > 32
        THEN 'invalid:attributes'
        ELSE 'ok' END;

    IF v_outcome <> 'ok' THEN
        RETURN ROW (v_outcome, NULL)::chat.desk_result;
    END IF;

    UPDATE chat.visitor t
       SET name = coalesce(p_body ->> 'name', t.name),
           email = coalesce(p_body ->> 'email', t.email),
           attributes = v_all
     WHERE t.id = v.id AND (t.site = v.site) IS TRUE
    RETURNING * INTO v;

    PERFORM chat.audit_put(p_me.site, p_me.id, 'visitor_change', v.id,
        jsonb_build_object('fields', (SELECT jsonb_agg(k)
                                        FROM jsonb_object_keys(p_body) k)));

    RETURN ROW ('ok', jsonb_build_object(
                'id', v.id, 'name', v.name, 'email', v.email,
                'verified', v.verified, 'external_id', v.external_id,
                'attributes', v.attributes,
                'claimed', v.claimed))::chat.desk_result;
END
$$;


UPDATE chat.schema SET version = 32;
