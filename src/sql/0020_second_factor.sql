-- The second factor of agents: one-time passwords by time, and codes that
-- stand in for one of them, once.


-- secret: sealed by the module, who alone can open it.  confirmed_at: null
-- until a first code has shown that the agent has it.  step: of the last code
-- that was used; no earlier one is good any more.

CREATE TABLE chat.totp (
    site          integer         NOT NULL,
    agent         uuid            NOT NULL,
    secret        bytea           NOT NULL,
    step          bigint          NOT NULL DEFAULT 0,
    confirmed_at  timestamptz(3),
    PRIMARY KEY (agent, site),
    FOREIGN KEY (site, agent) REFERENCES chat.agent (site, id)
                              ON DELETE CASCADE
);

CREATE TABLE chat.recovery_code (
    site   integer  NOT NULL,
    agent  uuid     NOT NULL,
    hash   bytea    NOT NULL,
    PRIMARY KEY (agent, hash, site),
    FOREIGN KEY (site, agent) REFERENCES chat.agent (site, id)
                              ON DELETE CASCADE
);

REVOKE ALL ON chat.totp, chat.recovery_code FROM PUBLIC;


CREATE FUNCTION chat.get_totp(integer, uuid) RETURNS SETOF chat.totp
LANGUAGE sql STABLE AS $$
    SELECT * FROM chat.totp
     WHERE agent = $2 AND (site = $1) IS TRUE AND confirmed_at IS NOT NULL
    OFFSET 0
$$;


-- As in 0001, with whether there is a second factor.

CREATE OR REPLACE FUNCTION chat.agent_body(a chat.agent,
    p_expires timestamptz)
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'agent', json_build_object('id', a.id, 'name', a.name,
                                          'email', a.email, 'role', a.role,
                                          'totp', EXISTS (
                                              SELECT FROM chat.get_totp(
                                                     a.site, a.id))),
               'expires_at', chat.rfc3339(p_expires))::text
$$;


-- As agent_login_1, with the second factor, if there is one.

CREATE FUNCTION chat.agent_login_2(p_site integer, p_email text)
RETURNS TABLE (agent uuid, password text, secret bytea, step bigint)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
BEGIN
    RETURN QUERY
    SELECT a.id, a.password, t.secret, t.step
      FROM chat.agent a
      LEFT JOIN chat.get_totp(a.site, a.id) t ON true
     WHERE lower(a.email) = lower(p_email) AND (a.site = p_site) IS TRUE
       AND a.disabled_at IS NULL AND a.password <> '';
END
$$;


-- As agent_session_create_1.  Whoever has a second factor needs the step of a
-- code that is later than the last, or one of the codes that stand in for it,
-- which is then used up.  p_secret: the secret sealed by a newer key.

CREATE FUNCTION chat.agent_session_create_2(p_site integer, p_agent uuid,
    p_password text, p_session uuid, p_token_hash bytea, p_step bigint,
    p_recovery bytea, p_secret bytea)
RETURNS TABLE (outcome text, body text, expires bigint)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
DECLARE
    t  chat.totp;
BEGIN
    SELECT * INTO t
      FROM chat.totp u
     WHERE u.agent = p_agent AND (u.site = p_site) IS TRUE
       AND u.confirmed_at IS NOT NULL
       FOR UPDATE;

    IF FOUND AND p_step > t.step THEN
        UPDATE chat.totp u
           SET step = p_step, secret = coalesce(p_secret, u.secret)
         WHERE u.agent = p_agent AND (u.site = p_site) IS TRUE;

    ELSIF FOUND THEN
        DELETE FROM chat.recovery_code c
         WHERE c.agent = p_agent AND (c.site = p_site) IS TRUE
           AND c.hash = p_recovery;

        IF NOT FOUND THEN
            RETURN QUERY SELECT 'second_factor', NULL::text, NULL::bigint;
            RETURN;
        END IF;

        PERFORM chat.audit_put(p_site, p_agent, 'recovery_code', p_agent,
                               NULL);
    END IF;

    RETURN QUERY
    SELECT * FROM chat.agent_session_create_1(p_site, p_agent, p_password,
                                              p_session, p_token_hash);
END
$$;


-- A secret for the agent who asks; conflict: there is one in use.

CREATE FUNCTION chat.totp_begin_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid, p_secret bytea)
RETURNS TABLE (outcome text, email text) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    me  chat.agent;
BEGIN
    SELECT * INTO me
      FROM chat.colleague(p_site, p_kind, p_id, p_session) a;

    IF NOT FOUND THEN
        RETURN QUERY SELECT 'unauthenticated', NULL::text;
        RETURN;
    END IF;

    INSERT INTO chat.totp AS t (site, agent, secret)
    VALUES (me.site, me.id, p_secret)
        ON CONFLICT (agent, site) DO UPDATE
       SET secret = excluded.secret, step = 0
     WHERE t.confirmed_at IS NULL;

    RETURN QUERY
    SELECT CASE WHEN FOUND THEN 'created' ELSE 'conflict' END, me.email;
END
$$;


-- What a first code is compared with.

CREATE FUNCTION chat.totp_get_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid)
RETURNS TABLE (outcome text, secret bytea) LANGUAGE plpgsql STABLE AS $$
DECLARE
    me  chat.agent;
    t   chat.totp;
BEGIN
    SELECT * INTO me
      FROM chat.colleague(p_site, p_kind, p_id, p_session) a;

    IF me.id IS NOT NULL THEN
        SELECT * INTO t
          FROM chat.totp u
         WHERE u.agent = me.id AND u.site = me.site;
    END IF;

    RETURN QUERY
    SELECT CASE WHEN me.id IS NULL THEN 'unauthenticated'
                WHEN t.agent IS NULL THEN 'not_found'
                WHEN t.confirmed_at IS NOT NULL THEN 'conflict'
                ELSE 'ok' END, t.secret;
END
$$;


-- The secret is that of totp_get_1(); p_codes: hashes of 32 bytes each.

CREATE FUNCTION chat.totp_confirm_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid, p_secret bytea, p_step bigint,
    p_codes bytea)
RETURNS TABLE (outcome text) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    me  chat.agent;
BEGIN
    SELECT * INTO me
      FROM chat.colleague(p_site, p_kind, p_id, p_session) a;

    IF NOT FOUND THEN
        RETURN QUERY SELECT 'unauthenticated';
        RETURN;
    END IF;

    UPDATE chat.totp t
       SET confirmed_at = chat.now_ms(), step = p_step
     WHERE t.agent = me.id AND t.site = me.site AND t.secret = p_secret
       AND t.confirmed_at IS NULL;

    IF NOT FOUND THEN
        RETURN QUERY SELECT 'conflict';
        RETURN;
    END IF;

    DELETE FROM chat.recovery_code c
     WHERE c.agent = me.id AND c.site = me.site;

    INSERT INTO chat.recovery_code (site, agent, hash)
    SELECT me.site, me.id, substring(p_codes FROM i FOR 32)
      FROM generate_series(1, octet_length(p_codes), 32) i;

    PERFORM chat.audit_put(me.site, me.id, 'totp_begin', me.id, NULL);

    RETURN QUERY SELECT 'ok';
END
$$;


-- The password hash of the agent who asks: forbidden if there is none.

CREATE FUNCTION chat.totp_password_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid)
RETURNS TABLE (outcome text, password text) LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN a.id IS NULL THEN 'unauthenticated'
                WHEN a.password = '' THEN 'forbidden'
                WHEN NOT EXISTS (SELECT FROM chat.get_totp(a.site, a.id))
                THEN 'not_found'
                ELSE 'ok' END, a.password
      FROM (SELECT 1) AS one
      LEFT JOIN chat.colleague(p_site, p_kind, p_id, p_session) a ON true
$$;


-- Ends the second factor: one's own with the password that was verified, or
-- for administrators, with null for it, anybody's.

CREATE FUNCTION chat.totp_end_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid, p_agent uuid, p_password text)
RETURNS TABLE (outcome text, body text) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    me  chat.agent;
BEGIN
    SELECT * INTO me
      FROM chat.colleague(p_site, p_kind, p_id, p_session) a;

    IF NOT FOUND THEN
        RETURN QUERY SELECT 'unauthenticated', NULL::text;
        RETURN;
    END IF;

    -- one's own takes the password, if there is one

    IF (CASE WHEN p_password IS NULL
             THEN me.role <> 'admin'
                  OR p_agent = me.id AND me.password <> ''
             ELSE p_agent <> me.id OR p_password <> me.password END)
    THEN
        RETURN QUERY SELECT 'forbidden', NULL::text;
        RETURN;
    END IF;

    DELETE FROM chat.totp t
     WHERE t.agent = p_agent AND (t.site = me.site) IS TRUE;

    IF NOT FOUND THEN
        RETURN QUERY SELECT 'not_found', NULL::text;
        RETURN;
    END IF;

    DELETE FROM chat.recovery_code c
     WHERE c.agent = p_agent AND (c.site = me.site) IS TRUE;

    PERFORM chat.audit_put(me.site, me.id, 'totp_end', p_agent, NULL);

    RETURN QUERY SELECT 'ok', NULL::text;
END
$$;


UPDATE chat.schema SET version = 20;
