-- Cards: what a message asks of the visitor, and his responses.


-- What is wrong with a response to a card, or null.

CREATE FUNCTION chat.response_error(p_card jsonb, p jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    f  jsonb;
    v  text;
BEGIN
    CASE p_card ->> 'type'

    WHEN 'choices' THEN
        IF NOT chat.has_only(p, 'options')
           OR jsonb_typeof(p -> 'options') IS DISTINCT FROM 'array'
           OR jsonb_array_length(p -> 'options') = 0
           OR (jsonb_array_length(p -> 'options') > 1
               AND p_card -> 'multiple' IS DISTINCT FROM 'true')
           OR (SELECT count(*) <> count(DISTINCT o.id)
                      OR NOT bool_and(EXISTS (
                          SELECT 1
                            FROM jsonb_array_elements(p_card -> 'options') c
                           WHERE c -> 'id' = o.id))
                 FROM jsonb_array_elements(p -> 'options') o (id))
        THEN
            RETURN 'options';
        END IF;

    WHEN 'rating' THEN
        IF NOT chat.has_only(p, 'rating', 'comment')
           OR coalesce(p -> 'rating' NOT IN ('1', '2', '3', '4', '5'), true)
        THEN
            RETURN 'rating';
        END IF;

        IF p ? 'comment'
           AND (p_card -> 'comment' = 'false'
                OR NOT chat.is_answer(p -> 'comment'))
        THEN
            RETURN 'comment';
        END IF;

    WHEN 'form' THEN
        IF NOT chat.has_only(p, 'fields')
           OR jsonb_typeof(p -> 'fields') IS DISTINCT FROM 'object'
           OR (p -> 'fields') - (SELECT array_agg(c ->> 'name')
                                   FROM jsonb_array_elements(
                                            p_card -> 'fields') c) <> '{}'
        THEN
            RETURN 'fields';
        END IF;

        FOR f IN SELECT * FROM jsonb_array_elements(p_card -> 'fields') LOOP
            v := f ->> 'name';

            IF (CASE WHEN NOT p -> 'fields' ? v
                     THEN f -> 'required' IS NOT DISTINCT FROM 'true'
                     ELSE NOT chat.is_answer(p -> 'fields' -> v)
                          OR (f ->> 'type' = 'email'
                              AND NOT chat.is_mailbox(p -> 'fields' ->> v))
                     END)
            THEN
                RETURN 'fields.' || v;
            END IF;
        END LOOP;

    ELSE
        RETURN 'seq';
    END CASE;

    RETURN NULL;
END
$$;

CREATE FUNCTION chat.is_answer(p jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_typeof(p) = 'string'
           AND length(p #>> '{}') BETWEEN 1 AND 2000
           AND p #>> '{}' ~ '[^[:space:]]'
           AND p #>> '{}' !~ '[\x01-\x08\x0b-\x1f\x7f]'
$$;


-- The response as a text, for those who do not know the card.

CREATE FUNCTION chat.response_text(p_card jsonb, p jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE p_card ->> 'type'
           WHEN 'choices' THEN (
               SELECT string_agg(c ->> 'text', ', ' ORDER BY n)
                 FROM jsonb_array_elements(p_card -> 'options')
                      WITH ORDINALITY o (c, n)
                WHERE p -> 'options' @> (c -> 'id'))
           WHEN 'rating' THEN
               (p ->> 'rating') || '/5' || coalesce(': ' || (p ->> 'comment'),
                                                    '')
           WHEN 'form' THEN (
               SELECT string_agg((c ->> 'label') || ': '
                                 || (p -> 'fields' ->> (c ->> 'name')),
                                 E'\n' ORDER BY n)
                 FROM jsonb_array_elements(p_card -> 'fields')
                      WITH ORDINALITY o (c, n)
                WHERE p -> 'fields' ? (c ->> 'name'))
           END
$$;


-- A visitor responds to the card of an event.  The latest response counts; to
-- a card with "once" there is only the first.

CREATE FUNCTION chat.respond_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid, p_conversation uuid, p_event uuid,
    p_client_msg_id text, p_to bigint, p_response text)
RETURNS SETOF chat.event_result LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_response  jsonb := p_response;
    v_outcome   text;
    v_name      text;
    v_card      jsonb;
    v_seq       bigint;
    c           chat.conversation;
BEGIN
    SELECT a.outcome, a.name INTO v_outcome, v_name
      FROM chat.access(p_site, p_kind, p_id, p_issued, p_session,
                       p_conversation) a;

    IF v_outcome <> 'ok' THEN
        NULL;

    ELSIF p_kind <> 'visitor' THEN
        v_outcome := 'forbidden';

    ELSIF NOT chat.await_lock(p_conversation) THEN
        v_outcome := 'busy';

    ELSE
        SELECT * INTO c FROM chat.get_conversation(p_conversation);

        SELECT e.seq INTO v_seq
          FROM chat.get_event_sent(p_conversation, p_id, p_client_msg_id) e;

        SELECT e.data -> 'card' INTO v_card
          FROM chat.get_event_public(p_conversation, p_to) e
         WHERE e.type = 'message';

        v_outcome := CASE
            WHEN c.erased_at IS NOT NULL THEN 'gone'
            WHEN c.visitor <> p_id THEN 'not_found'
            WHEN v_seq IS NOT NULL THEN 'duplicate'
            WHEN v_card IS NULL THEN 'invalid:seq'
            ELSE coalesce('invalid:' || chat.response_error(v_card,
                                                            v_response),
                          'created') END;

        IF v_outcome = 'created' AND v_card -> 'once' = 'true'
           AND EXISTS (SELECT 1
                         FROM chat.event e
                        WHERE e.conversation = p_conversation
                          AND e.seq > p_to AND e.type = 'response'
                          AND e.data -> 'to' = to_jsonb(p_to))
        THEN
            v_outcome := 'conflict';
        END IF;
    END IF;

    IF v_outcome = 'created' THEN
        v_seq := c.last_seq + 1;

        INSERT INTO chat.event (site, conversation, seq, id, type, internal,
            sender_kind, sender_id, client_msg_id, pub, vis, text, data,
            created_at)
        VALUES (p_site, c.id, v_seq, p_event, 'response', false,
            'visitor', p_id, p_client_msg_id, c.pub, c.vis,
            chat.response_text(v_card, v_response),
            jsonb_build_object('to', p_to, 'response', v_response),
            chat.now_ms());

        UPDATE chat.conversation t
           SET last_seq = v_seq, public_seq = v_seq
         WHERE t.id = c.id
        RETURNING * INTO c;

    ELSIF v_outcome <> 'duplicate' THEN
        RETURN NEXT ROW (v_outcome, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL)::chat.event_result;
        RETURN;
    END IF;

    RETURN QUERY
    SELECT v_outcome, c.last_seq, c.public_seq, c.visitor, NULL, false,
           NULL::text, json_build_object('id', e.id)::text,
           NULL::bigint, NULL::text, NULL::uuid, NULL::text, NULL::text,
           NULL::uuid, NULL::text, NULL::boolean, NULL::bigint, NULL::text,
           NULL::text, NULL::bigint
      FROM chat.get_event(c.id, v_seq) e
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           e.seq, e.type, e.id, e.client_msg_id, e.sender_kind, e.sender_id,
           v_name, e.internal, e.pub, e.text, e.data::text,
           chat.ms(e.created_at)
      FROM chat.get_event(c.id, v_seq) e;
END
$$;


UPDATE chat.schema SET version = 12;
