-- The append for what nearly all messages are: the only one of its
-- conversation in the batch, from somebody who may, to a conversation that is
-- neither asleep nor gone.  Such rows are numbered by the UPDATE that moves
-- their conversation.  What that does not touch, be it for another row of the
-- same conversation, is left to append_1, in the same transaction; and so is
-- the whole batch if a row expects something, or if a conversation is locked
-- by somebody else or is not there.
--
-- Rows that were stored here have NULL for what the caller has sent.
--
-- To the planner an equality is rare: "proof" is one, so that it sees few rows
-- and goes to their conversations by place, however small their table looks.

CREATE FUNCTION chat.append_2(p_site integer[], p_kind text[], p_id uuid[],
    p_issued bigint[], p_session uuid[], p_conversation uuid[],
    p_event uuid[], p_client_msg_id text[], p_internal boolean[],
    p_text text[], p_data text[], p_expected bigint[], p_wait boolean)
RETURNS SETOF chat.append_result LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_rows     integer := cardinality(p_conversation);
    v_now      timestamptz;
    v_ms       bigint;
    v_general  boolean := p_wait OR 0 <= ANY (p_expected);
    v_places   tid[];
    v_stored   integer;
    v_rest     integer[];
BEGIN
    IF NOT v_general THEN
        SELECT array_agg(l.ctid)
          INTO v_places
          FROM unnest(p_conversation) i (id)
          LEFT JOIN LATERAL (SELECT c.ctid
                               FROM chat.conversation c
                              WHERE c.id = i.id
                                FOR NO KEY UPDATE SKIP LOCKED) l ON true;

        v_general := array_position(v_places, NULL) IS NOT NULL;
    END IF;

    IF v_general THEN
        RETURN QUERY
        SELECT * FROM chat.append_1(p_site, p_kind, p_id, p_issued, p_session,
            p_conversation, p_event, p_client_msg_id, p_internal, p_text,
            p_data, p_expected, p_wait);

        RETURN;
    END IF;

    v_now := chat.now_ms();
    v_ms := chat.ms(v_now);

    RETURN QUERY
    WITH moved AS (
        UPDATE chat.conversation c
           SET last_seq = c.last_seq + 1,
               message_seq = c.last_seq + 1,
               public_seq = CASE WHEN n.internal THEN c.public_seq
                                 ELSE c.last_seq + 1 END,
               public_message_seq = CASE WHEN n.internal
                                         THEN c.public_message_seq
                                         ELSE c.last_seq + 1 END,
               pub = c.pub + (NOT n.internal)::integer,
               vis = c.vis + (n.kind = 'visitor')::integer,
               notes = c.notes + n.internal::integer,
               active_minute = v_ms / 60000,
               active_at = v_now,
               public_at = CASE WHEN n.internal THEN c.public_at
                                ELSE v_now END,
               waiting_since = CASE
                   WHEN n.internal THEN c.waiting_since
                   WHEN n.kind = 'visitor'
                   THEN coalesce(c.waiting_since, v_now) END,
               first_reply_at = CASE
                   WHEN n.internal OR n.kind = 'visitor'
                   THEN c.first_reply_at
                   ELSE coalesce(c.first_reply_at, v_now) END
          FROM (SELECT i.idx::integer, i.place, k.*,
                       coalesce(v.name, a.name) AS name,
                       CASE WHEN v.id IS NOT NULL OR a.id IS NOT NULL
                            THEN 'valid' END AS proof
                  FROM unnest(v_places) WITH ORDINALITY i (place, idx)
                 CROSS JOIN LATERAL (
                       SELECT p_kind[i.idx::integer] AS kind,
                              p_id[i.idx::integer] AS id,
                              p_site[i.idx::integer] AS site,
                              p_internal[i.idx::integer] AS internal) k
                  LEFT JOIN chat.get_visitor(k.site, CASE k.kind
                                WHEN 'visitor' THEN k.id END) v
                         ON v.valid_from <= p_issued[i.idx::integer]
                        AND v.blocked_at IS NULL AND v.erased_at IS NULL
                  LEFT JOIN chat.get_agent_session(CASE k.kind
                                WHEN 'agent'
                                THEN p_session[i.idx::integer] END) s
                         ON s.site = k.site AND s.agent = k.id
                        AND s.revoked_at IS NULL AND s.expires_at > v_now
                  LEFT JOIN chat.get_agent(s.site, s.agent) a
                         ON a.disabled_at IS NULL
                OFFSET 0) n
         WHERE n.proof = 'valid'
           AND c.ctid = n.place AND c.site = n.site
           AND (n.kind = 'agent' OR c.visitor = n.id AND NOT n.internal)
           AND c.status IN ('open', 'pending') AND c.erased_at IS NULL
           AND NOT EXISTS (
                   SELECT 1 FROM chat.get_event_sent(c.id, n.id,
                                     p_client_msg_id[n.idx]))
        RETURNING n.idx, n.name, c.last_seq, c.public_seq, c.pub, c.vis
    ),
    stored AS (
        INSERT INTO chat.event (site, conversation, seq, id, type, internal,
            sender_kind, sender_id, client_msg_id, pub, vis, text, data,
            created_at)
        SELECT p_site[m.idx], p_conversation[m.idx], m.last_seq,
               p_event[m.idx], 'message', p_internal[m.idx], p_kind[m.idx],
               p_id[m.idx], p_client_msg_id[m.idx], m.pub, m.vis,
               p_text[m.idx], p_data[m.idx]::jsonb, v_now
          FROM moved m
    )
    SELECT m.idx, 'created', NULL::uuid, m.last_seq, m.public_seq, m.last_seq,
           NULL::text, NULL::uuid, NULL::text, NULL::text, NULL::uuid,
           m.name, NULL::boolean, m.pub, NULL::text, NULL::text, v_ms
      FROM moved m;

    GET DIAGNOSTICS v_stored = ROW_COUNT;

    IF v_stored = v_rows THEN
        RETURN;
    END IF;

    -- what is stored is the last of its conversation

    SELECT array_agg(i.idx)
      INTO v_rest
      FROM generate_series(1, v_rows) i (idx)
     WHERE NOT EXISTS (
               SELECT 1
                 FROM chat.get_conversation(p_conversation[i.idx]) c
                CROSS JOIN chat.get_event(c.id, c.last_seq) e
                WHERE e.id = p_event[i.idx]);

    RETURN QUERY
    SELECT CASE r.idx WHEN 0 THEN 0 ELSE v_rest[r.idx] END,
           r.outcome, r.conversation, r.head, r.pub_head, r.seq, r.type,
           r.id, r.client_msg_id, r.sender_kind, r.sender_id,
           r.sender_name, r.internal, r.pub, r.text, r.data, r.created_at
      FROM (SELECT array_agg(p_site[i.idx]) AS site,
                   array_agg(p_kind[i.idx]) AS kind,
                   array_agg(p_id[i.idx]) AS id,
                   array_agg(p_issued[i.idx]) AS issued,
                   array_agg(p_session[i.idx]) AS session,
                   array_agg(p_conversation[i.idx]) AS conversation,
                   array_agg(p_event[i.idx]) AS event,
                   array_agg(p_client_msg_id[i.idx]) AS client_msg_id,
                   array_agg(p_internal[i.idx]) AS internal,
                   array_agg(p_text[i.idx]) AS text,
                   array_agg(p_data[i.idx]) AS data,
                   array_agg(p_expected[i.idx]) AS expected
              FROM unnest(v_rest) i (idx)) a
     CROSS JOIN LATERAL chat.append_1(a.site, a.kind, a.id, a.issued,
               a.session, a.conversation, a.event, a.client_msg_id,
               a.internal, a.text, a.data, a.expected, false) r;
END
$$;

UPDATE chat.schema SET version = 14;
