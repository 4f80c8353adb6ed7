-- Revocations: what workers rely on and may not any more.  Each of them asks
-- every 2 s what is new, once for all of its streams.


-- Triggers write it, so that a plain UPDATE by an operator counts too.
-- valid_from: of a visitor, tokens that were issued before it.

CREATE TABLE chat.revocation (
    xact        xid8            NOT NULL DEFAULT pg_current_xact_id(),
    kind        text            COLLATE "C" NOT NULL
                                CHECK (kind IN ('session', 'visitor',
                                                'conversation')),
    id          uuid            NOT NULL,
    valid_from  bigint          NOT NULL DEFAULT 9223372036854775807,
    created_at  timestamptz(3)  NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX revocation_xact ON chat.revocation (xact);
CREATE INDEX revocation_created_at ON chat.revocation (created_at);


-- Takes a few away that every worker has seen.

CREATE FUNCTION chat.revoke() RETURNS trigger
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
        INSERT INTO chat.revocation (kind, id)
        VALUES ('conversation', old.id);

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

CREATE TRIGGER agent_disabled AFTER UPDATE OF disabled_at ON chat.agent
    FOR EACH ROW
    WHEN (old.disabled_at IS NULL AND new.disabled_at IS NOT NULL)
    EXECUTE FUNCTION chat.revoke();

CREATE TRIGGER agent_session_ended
    AFTER UPDATE OF revoked_at, expires_at ON chat.agent_session
    FOR EACH ROW
    WHEN (old.revoked_at IS NULL AND new.revoked_at IS NOT NULL
          OR new.expires_at < old.expires_at)
    EXECUTE FUNCTION chat.revoke();

CREATE TRIGGER agent_session_deleted AFTER DELETE ON chat.agent_session
    FOR EACH ROW
    WHEN (old.revoked_at IS NULL AND old.expires_at > now())
    EXECUTE FUNCTION chat.revoke();

CREATE TRIGGER visitor_revoked
    AFTER UPDATE OF valid_from, blocked_at, erased_at ON chat.visitor
    FOR EACH ROW
    WHEN (new.valid_from > old.valid_from
          OR old.blocked_at IS NULL AND new.blocked_at IS NOT NULL
          OR old.erased_at IS NULL AND new.erased_at IS NOT NULL)
    EXECUTE FUNCTION chat.revoke();

CREATE TRIGGER visitor_deleted AFTER DELETE ON chat.visitor
    FOR EACH ROW EXECUTE FUNCTION chat.revoke();

CREATE TRIGGER conversation_erased
    AFTER UPDATE OF erased_at ON chat.conversation
    FOR EACH ROW
    WHEN (old.erased_at IS NULL AND new.erased_at IS NOT NULL)
    EXECUTE FUNCTION chat.revoke();


-- What is new since a snapshot, of which the first row has the next one.  It
-- is not complete if there are more than 1,000 sessions and visitors: whoever
-- asks then begins anew with everybody.

CREATE FUNCTION chat.revoked_1(p_since text)
RETURNS TABLE (next text, complete boolean, kind text, id uuid,
    valid_from bigint)
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
    SELECT v_now::text, NOT v_many, NULL::text, NULL::uuid, NULL::bigint
    UNION ALL
    (SELECT NULL, NULL, r.kind, r.id, r.valid_from
       FROM chat.revocation r
      WHERE r.xact >= pg_snapshot_xmin(v_since)
        AND r.xact < pg_snapshot_xmax(v_now)
        AND NOT pg_visible_in_snapshot(r.xact, v_since)
        AND (r.kind = 'conversation' OR NOT v_many)
      LIMIT 10000);
END
$$;


-- As ticket_take_1, with the end of an agent's session.

CREATE FUNCTION chat.ticket_use_1(p_site integer, p_hash bytea)
RETURNS TABLE (kind text, id uuid, issued bigint, session uuid,
    expires bigint)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
BEGIN
    RETURN QUERY
    SELECT t.kind, t.id, t.issued, t.session, chat.ms(s.expires_at)
      FROM chat.ticket_take_1(p_site, p_hash) t
      LEFT JOIN chat.get_agent_session(t.session) s ON true;
END
$$;


UPDATE chat.schema SET version = 6;
