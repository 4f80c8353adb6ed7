-- Attachments: what is known of the files, which lie below
-- "chat_upload_path" by their id.
--
-- A file without type is being uploaded.  It is its uploader's until a
-- message carries it, and then as that message is; one that no message
-- carries expires.


-- seq is that of the message, expires_at then is infinite.  A removed row is
-- left only until its file has been deleted.

CREATE TABLE chat.attachment (
    id            uuid            PRIMARY KEY,
    site          integer         NOT NULL REFERENCES chat.site (id),
    kind          text            COLLATE "C" NOT NULL
                                  CHECK (kind IN ('visitor', 'agent')),
    uploader      uuid            NOT NULL,
    name          text            NOT NULL,
    type          text,
    size          bigint          NOT NULL,
    width         integer,
    height        integer,
    conversation  uuid,
    seq           bigint,
    removed       boolean         NOT NULL DEFAULT false,
    expires_at    timestamptz(3)  NOT NULL,
    created_at    timestamptz(3)  NOT NULL
);

CREATE INDEX attachment_uploader ON chat.attachment (uploader, created_at);
CREATE INDEX attachment_expires ON chat.attachment (expires_at);
CREATE INDEX attachment_conversation ON chat.attachment (conversation)
    WHERE conversation IS NOT NULL;


CREATE FUNCTION chat.attachment_deleted() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE chat.attachment a
       SET removed = true, expires_at = now()
     WHERE a.conversation = old.id;

    RETURN NULL;
END
$$;

CREATE TRIGGER attachment_deleted AFTER DELETE ON chat.conversation
    FOR EACH ROW EXECUTE FUNCTION chat.attachment_deleted();


CREATE FUNCTION chat.get_attachment(uuid) RETURNS SETOF chat.attachment
LANGUAGE sql STABLE AS $$
    SELECT * FROM chat.attachment WHERE id = $1 OFFSET 0
$$;


-- As events carry it.

CREATE FUNCTION chat.attachment_body(p_id uuid, p_name text, p_type text,
    p_size bigint, p_width integer, p_height integer)
RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
               'id', p_id, 'name', p_name, 'type', p_type, 'size', p_size,
               'width', p_width, 'height', p_height))
$$;


-- Room for an upload of p_size bytes at most.  The outcome is quota when a
-- visitor would have sent more than p_quota bytes within a day, or when too
-- many files wait for a message.

CREATE FUNCTION chat.attachment_begin_1(p_site integer, p_kind text,
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
    PERFORM 1 FROM chat.actor(p_site, p_kind, p_id, p_issued, p_session);

    IF NOT FOUND THEN
        RETURN QUERY SELECT 'unauthenticated';
        RETURN;
    END IF;

    -- one at a time, so that no two take the same room

    IF p_kind = 'visitor' THEN
        PERFORM 1 FROM chat.visitor v
          WHERE v.id = p_id AND (v.site = p_site) IS TRUE
            FOR NO KEY UPDATE;
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


-- The file is there.

CREATE FUNCTION chat.attachment_end_1(p_site integer, p_kind text,
    p_id uuid, p_issued bigint, p_session uuid, p_attachment uuid,
    p_name text, p_type text, p_size bigint, p_width integer,
    p_height integer)
RETURNS TABLE (outcome text, body text) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
BEGIN
    PERFORM 1 FROM chat.actor(p_site, p_kind, p_id, p_issued, p_session);

    IF NOT FOUND THEN
        RETURN QUERY SELECT 'unauthenticated', NULL::text;
        RETURN;
    END IF;

    UPDATE chat.attachment a
       SET name = p_name, type = p_type, size = p_size, width = p_width,
           height = p_height, expires_at = now() + interval '1 day'
     WHERE a.id = p_attachment AND (a.site = p_site) IS TRUE
       AND a.kind = p_kind AND (a.uploader = p_id) IS TRUE
       AND a.type IS NULL AND NOT a.removed;

    IF NOT FOUND THEN
        RETURN QUERY SELECT 'gone', NULL::text;
        RETURN;
    END IF;

    RETURN QUERY
    SELECT 'ok', chat.attachment_body(p_attachment, p_name, p_type, p_size,
                                      p_width, p_height)::text;
END
$$;


-- An upload that came to nothing, whose file is gone.

CREATE FUNCTION chat.attachment_drop_1(p_attachment uuid)
RETURNS TABLE (outcome text) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
BEGIN
    DELETE FROM chat.attachment a
     WHERE a.id = p_attachment AND a.type IS NULL;

    RETURN QUERY SELECT 'ok';
END
$$;


-- By the message that carries it: to everybody who may not read that, and to
-- all but its uploader before, it does not exist.

CREATE FUNCTION chat.attachment_get_1(p_site integer, p_kind text,
    p_id uuid, p_issued bigint, p_session uuid, p_attachment uuid)
RETURNS TABLE (outcome text, name text, type text, size bigint)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
BEGIN
    RETURN QUERY
    SELECT CASE WHEN k.id IS NULL THEN 'unauthenticated'
                WHEN t.id IS NULL THEN 'not_found'
                WHEN t.conversation IS NULL
                THEN CASE WHEN t.kind = p_kind AND t.uploader = p_id
                          THEN 'ok' ELSE 'not_found' END
                WHEN c.id IS NULL THEN 'not_found'
                WHEN c.erased_at IS NOT NULL THEN 'gone'
                WHEN e.seq IS NULL THEN 'not_found'
                ELSE 'ok' END,
           t.name, t.type, t.size
      FROM (SELECT 1) AS one
      LEFT JOIN chat.actor(p_site, p_kind, p_id, p_issued, p_session) k
             ON true
      LEFT JOIN chat.get_attachment(p_attachment) t
             ON t.site = p_site AND t.type IS NOT NULL AND NOT t.removed
      LEFT JOIN chat.get_conversation(t.conversation) c
             ON c.site = p_site AND (p_kind = 'agent' OR c.visitor = p_id)
      LEFT JOIN chat.get_event(c.id, t.seq) e
             ON (p_kind = 'agent' OR NOT e.internal)
            AND e.data -> 'attachments' @> jsonb_build_array(
                    jsonb_build_object('id', t.id));
END
$$;


-- Locks those of the files that the actor may attach, and returns the data of
-- a message that carries all of them, in their order; NULL if one may not be.

CREATE FUNCTION chat.attachment_take(p_site integer, p_kind text,
    p_id uuid, p_files uuid[])
RETURNS jsonb LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
BEGIN
    PERFORM 1 FROM chat.attachment a WHERE a.id = ANY (p_files)
      ORDER BY a.id FOR NO KEY UPDATE;

    RETURN (SELECT CASE WHEN count(DISTINCT a.id) = cardinality(p_files)
                        THEN jsonb_build_object('attachments',
                                 jsonb_agg(chat.attachment_body(a.id, a.name,
                                     a.type, a.size, a.width, a.height)
                                     ORDER BY f.n)) END
              FROM unnest(p_files) WITH ORDINALITY f (id, n)
              JOIN chat.get_attachment(f.id) a
                ON a.site = p_site AND a.kind = p_kind
               AND a.uploader = p_id AND a.conversation IS NULL
               AND a.type IS NOT NULL AND NOT a.removed);
END
$$;

CREATE FUNCTION chat.attachment_link(p_files uuid[], p_conversation uuid,
    p_seq bigint)
RETURNS void LANGUAGE sql VOLATILE AS $$
    UPDATE chat.attachment a
       SET conversation = p_conversation, seq = p_seq,
           expires_at = 'infinity'
     WHERE a.id = ANY (p_files)
$$;


-- append_1() of one message that carries files, with what they are.

CREATE FUNCTION chat.append_files_1(p_site integer[], p_kind text[],
    p_id uuid[], p_issued bigint[], p_session uuid[], p_conversation uuid[],
    p_event uuid[], p_client_msg_id text[], p_internal boolean[],
    p_text text[], p_data text[], p_expected bigint[], p_wait boolean,
    p_files uuid[])
RETURNS SETOF chat.append_result LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_data     jsonb;
    v_outcome  text;
    r          chat.append_result;
BEGIN
    v_data := chat.attachment_take(p_site[1], p_kind[1], p_id[1], p_files);

    -- a repeat, whose files the first one carries, is for append_1()

    IF v_data IS NULL
       AND NOT EXISTS (SELECT 1
                         FROM chat.get_event_sent(p_conversation[1], p_id[1],
                                                  p_client_msg_id[1]))
    THEN
        SELECT a.outcome INTO v_outcome
          FROM chat.access(p_site[1], p_kind[1], p_id[1], p_issued[1],
                           p_session[1], p_conversation[1]) a;

        r.idx := 1;
        r.outcome := CASE v_outcome WHEN 'ok' THEN 'invalid:attachments'
                                    ELSE v_outcome END;
        r.conversation := p_conversation[1];

        RETURN NEXT r;
        RETURN;
    END IF;

    FOR r IN
        SELECT * FROM chat.append_1(p_site, p_kind, p_id, p_issued,
            p_session, p_conversation, p_event, p_client_msg_id, p_internal,
            p_text,
            ARRAY[(coalesce(p_data[1]::jsonb, '{}') || v_data)::text],
            p_expected, p_wait)
    LOOP
        IF r.idx = 1 AND r.outcome = 'created' THEN
            PERFORM chat.attachment_link(p_files, r.conversation, r.seq);
        END IF;

        RETURN NEXT r;
    END LOOP;
END
$$;


-- The same for the message that makes a conversation.

CREATE FUNCTION chat.conversation_create_files_1(p_site integer,
    p_kind text, p_id uuid, p_issued bigint, p_session uuid,
    p_conversation uuid, p_event uuid, p_client_msg_id text, p_text text,
    p_epoch text, p_files uuid[])
RETURNS SETOF chat.event_result LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_data     jsonb;
    v_created  boolean := false;
    r          chat.event_result;
BEGIN
    v_data := chat.attachment_take(p_site, p_kind, p_id, p_files);

    IF v_data IS NULL
       AND NOT EXISTS (SELECT 1 FROM chat.conversation c
                        WHERE c.visitor = p_id
                          AND c.client_msg_id = p_client_msg_id
                          AND (c.site = p_site) IS TRUE)
    THEN
        PERFORM 1 FROM chat.actor(p_site, p_kind, p_id, p_issued, p_session);

        r.outcome := CASE WHEN FOUND THEN 'invalid:attachments'
                          ELSE 'unauthenticated' END;

        RETURN NEXT r;
        RETURN;
    END IF;

    FOR r IN
        SELECT * FROM chat.conversation_create_2(p_site, p_kind, p_id,
            p_issued, p_session, p_conversation, p_event, p_client_msg_id,
            p_text, p_epoch)
    LOOP
        IF r.outcome = 'created' THEN
            UPDATE chat.event e
               SET data = coalesce(e.data, '{}') || v_data
             WHERE e.conversation = p_conversation AND e.seq = 1;

            PERFORM chat.attachment_link(p_files, p_conversation, 1);

            v_created := true;

        ELSIF v_created AND r.seq = 1 THEN
            r.data := (coalesce(r.data::jsonb, '{}') || v_data)::text;
        END IF;

        RETURN NEXT r;
    END LOOP;
END
$$;


-- Files to delete: claimed for five minutes, then forgotten by the next.

CREATE FUNCTION chat.attachment_expired_1(p_lim integer)
RETURNS TABLE (attachment uuid) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET jit = off AS $$
BEGIN
    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT a.id
          FROM chat.attachment a
         WHERE a.expires_at <= now()
         ORDER BY a.expires_at
         LIMIT least(greatest(p_lim, 1), 100)
           FOR UPDATE SKIP LOCKED
    )
    UPDATE chat.attachment a
       SET removed = true, expires_at = now() + interval '5 minutes'
      FROM due d
     WHERE a.id = d.id
    RETURNING a.id;
END
$$;

CREATE FUNCTION chat.attachment_forget_1(p_ids uuid[])
RETURNS TABLE (outcome text) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
BEGIN
    DELETE FROM chat.attachment a WHERE a.id = ANY (p_ids) AND a.removed;

    RETURN QUERY SELECT 'ok';
END
$$;


UPDATE chat.schema SET version = 10;
