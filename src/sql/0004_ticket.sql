-- Tickets: each stands for a credential at one handshake of a stream, where a
-- header cannot be written.


-- Nothing is lost by losing them, so they need not be durable.

CREATE UNLOGGED TABLE chat.ticket (
    hash        bytea           PRIMARY KEY,
    site        integer         NOT NULL REFERENCES chat.site (id),
    kind        text            COLLATE "C" NOT NULL
                                CHECK (kind IN ('visitor', 'agent')),
    actor       uuid            NOT NULL,
    issued      bigint          NOT NULL,
    session     uuid,
    expires_at  timestamptz(3)  NOT NULL
);

CREATE INDEX ticket_expires_at ON chat.ticket (expires_at);


-- Takes a few away that nobody has used in time.

CREATE FUNCTION chat.ticket_put_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid, p_hash bytea)
RETURNS TABLE (outcome text, expires bigint) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_now      timestamptz := chat.now_ms();
    v_expires  timestamptz := v_now + interval '30 seconds';
BEGIN
    IF NOT EXISTS (SELECT FROM chat.actor(p_site, p_kind, p_id, p_issued,
                                          p_session))
    THEN
        RETURN QUERY SELECT 'unauthenticated', NULL::bigint;
        RETURN;
    END IF;

    DELETE FROM chat.ticket
     WHERE hash = ANY (ARRAY(SELECT t.hash
                               FROM chat.ticket t
                              WHERE t.expires_at <= v_now
                              ORDER BY t.expires_at
                              LIMIT 16
                                FOR UPDATE SKIP LOCKED));

    INSERT INTO chat.ticket (hash, site, kind, actor, issued, session,
                             expires_at)
    VALUES (p_hash, p_site, p_kind, p_id, coalesce(p_issued, 0), p_session,
            v_expires);

    RETURN QUERY SELECT 'ok', chat.ms(v_expires);
END
$$;


-- Whom the ticket stands for, once.  No row: there is none, it has expired,
-- or what it stands for has ended.

CREATE FUNCTION chat.ticket_take_1(p_site integer, p_hash bytea)
RETURNS TABLE (kind text, id uuid, issued bigint, session uuid)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_ticket  chat.ticket;
BEGIN
    DELETE FROM chat.ticket t
     WHERE t.hash = p_hash AND (t.site = p_site) IS TRUE
    RETURNING * INTO v_ticket;

    IF FOUND AND v_ticket.expires_at > chat.now_ms() THEN
        RETURN QUERY
        SELECT v_ticket.kind, v_ticket.actor, v_ticket.issued,
               v_ticket.session
          FROM chat.actor(v_ticket.site, v_ticket.kind, v_ticket.actor,
                          v_ticket.issued, v_ticket.session);
    END IF;
END
$$;


UPDATE chat.schema SET version = 4;
