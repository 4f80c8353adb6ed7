-- Messages that are changed, or taken back.  What a message says is
-- overwritten, and an event of its own tells of it; what an edited message
-- said before is kept beside it.  Of one that was redacted nothing is left
-- but who sent it, and who redacted it, and when.


-- Only added to: a text goes when its message is redacted, a row with its
-- conversation.

CREATE TABLE chat.event_history (
    conversation  uuid            NOT NULL,
    seq           bigint          NOT NULL,
    n             bigint          GENERATED ALWAYS AS IDENTITY,
    at            timestamptz(3)  NOT NULL,
    actor_kind    text            COLLATE "C" NOT NULL,
    actor         uuid            NOT NULL,
    action        text            COLLATE "C" NOT NULL
                                  CHECK (action IN ('edit', 'redaction')),
    text          text,
    PRIMARY KEY (conversation, seq, n)
);

CREATE FUNCTION chat.event_history_kept() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF tg_op = 'UPDATE' THEN
        IF new.text IS NULL THEN
            old.text := NULL;
        END IF;

        IF new IS NOT DISTINCT FROM old THEN
            RETURN new;
        END IF;

    ELSIF tg_op = 'DELETE'
          AND NOT EXISTS (SELECT FROM chat.get_conversation(old.conversation)
                                      c WHERE c.erased_at IS NULL)
    THEN
        RETURN old;
    END IF;

    RAISE EXCEPTION 'the history of messages is only added to'
          USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER event_history_kept BEFORE UPDATE OR DELETE
    ON chat.event_history
    FOR EACH ROW EXECUTE FUNCTION chat.event_history_kept();


-- As in 0017, with the history.

CREATE OR REPLACE FUNCTION chat.conversation_deleted() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM chat.event e WHERE e.conversation = old.id;
    DELETE FROM chat.read_mark m WHERE m.conversation = old.id;
    DELETE FROM chat.search s WHERE s.conversation = old.id;
    DELETE FROM chat.event_history h WHERE h.conversation = old.id;

    RETURN NULL;
END
$$;


-- Takes away what a message said, and all that was made of it.

CREATE FUNCTION chat.redact(p_conversation uuid, p_seq bigint)
RETURNS void LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_bitmapscan = off SET jit = off AS $$
BEGIN
    UPDATE chat.event_history h
       SET text = NULL
     WHERE h.conversation = p_conversation AND h.seq = p_seq
       AND h.text IS NOT NULL;

    -- the events of its edits say it as well

    UPDATE chat.event e
       SET text = NULL
     WHERE e.conversation = p_conversation AND e.seq > p_seq
       AND e.type = 'edit' AND e.data -> 'to' = to_jsonb(p_seq);

    UPDATE chat.event e
       SET text = NULL, data = '{"redacted": true}'
     WHERE e.conversation = p_conversation AND e.seq = p_seq;

    UPDATE chat.attachment a
       SET removed = true, expires_at = now()
     WHERE a.conversation = p_conversation AND a.seq = p_seq;

    DELETE FROM chat.search s
     WHERE s.conversation = p_conversation AND s.seq = p_seq;
END
$$;


-- Changes the message p_to to p_text, or redacts it if that is null.  Whoever
-- sent it may for 15 minutes; supervisors may redact at any time.  What
-- changes nothing is ok, without an event.

CREATE FUNCTION chat.edit_1(p_site integer, p_kind text, p_id uuid,
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
        p_kind, p_id, c.pub, c.vis, p_text, jsonb_build_object('to', p_to),
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


-- What a message said before, for supervisors: oldest first.

CREATE FUNCTION chat.event_history_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid, p_conversation uuid, p_seq bigint)
RETURNS TABLE (outcome text, body text) LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_outcome  text;
    v_visitor  uuid;
    v_rank     integer;
BEGIN
    SELECT a.outcome, a.visitor INTO v_outcome, v_visitor
      FROM chat.access(p_site, p_kind, p_id, p_issued, p_session,
                       p_conversation) a;

    SELECT chat.rank(a.role) INTO v_rank
      FROM chat.colleague(p_site, p_kind, p_id, p_session) a;

    v_outcome := CASE
        WHEN v_outcome <> 'ok' THEN v_outcome
        WHEN coalesce(v_rank, 0) < 2 THEN 'forbidden'
        WHEN NOT EXISTS (SELECT FROM chat.get_event(p_conversation, p_seq) e
                          WHERE e.type = 'message')
        THEN 'not_found'
        ELSE 'ok' END;

    IF v_outcome <> 'ok' THEN
        RETURN QUERY SELECT v_outcome, NULL::text;
        RETURN;
    END IF;

    RETURN QUERY
    SELECT 'ok', json_build_object('history', coalesce(json_agg(
               json_build_object(
                   'action', h.action,
                   'at', chat.rfc3339(h.at),
                   'by', chat.member(h.actor_kind, h.actor,
                             CASE h.actor_kind WHEN 'agent' THEN a.name
                                               ELSE v.name END),
                   'text', h.text) ORDER BY h.n), '[]'))::text
      FROM (SELECT * FROM chat.event_history t
             WHERE t.conversation = p_conversation AND t.seq = p_seq
             ORDER BY t.n
             LIMIT 200) h
      LEFT JOIN chat.get_agent(p_site, CASE h.actor_kind WHEN 'agent'
                                       THEN h.actor END) a ON true
      LEFT JOIN chat.get_visitor(p_site, v_visitor) v ON true;
END
$$;


UPDATE chat.schema SET version = 22;
