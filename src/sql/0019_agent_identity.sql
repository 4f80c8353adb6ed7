-- Agents whom the configuration identifies.


-- when the agent has last been identified so

ALTER TABLE chat.agent ADD COLUMN identified_at timestamptz(3);


-- As in 0018.

CREATE OR REPLACE FUNCTION chat.can_sign_in(a chat.agent) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT a.password <> '' OR a.identified_at IS NOT NULL
$$;


-- As in 0009.

CREATE OR REPLACE FUNCTION chat.other_admin(p_site integer, p_agent uuid)
RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1667785077, p_site);

    RETURN EXISTS (SELECT FROM chat.agent a
                    WHERE a.site = p_site AND a.role = 'admin'
                      AND a.disabled_at IS NULL AND chat.can_sign_in(a)
                      AND a.id IS DISTINCT FROM p_agent);
END
$$;


-- The session of whom the configuration identifies by an address; with
-- p_create somebody unknown becomes an agent.  A role that is not null is the
-- agent's from then on, unless nobody else administers the site.

CREATE FUNCTION chat.agent_identify_1(p_site integer, p_email text,
    p_role text, p_create boolean, p_name text, p_fresh uuid, p_session uuid,
    p_token_hash bytea)
RETURNS TABLE (outcome text, agent uuid, body text, expires bigint)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
DECLARE
    v_now      timestamptz := chat.now_ms();
    v_expires  timestamptz := v_now + interval '12 hours';
    v_name     text := coalesce(CASE WHEN chat.is_name(p_name)
                                     THEN btrim(p_name) END,
                                left(split_part(p_email, '@', 1), 100));
    v_outcome  text;
    a          chat.agent;
BEGIN
    IF p_email !~ '^[^[:space:][:cntrl:]]+$' OR octet_length(p_email) > 254
       OR NOT chat.is_name(v_name)
    THEN
        v_outcome := 'invalid:identity';

    ELSIF p_role NOT IN ('agent', 'supervisor', 'admin') THEN
        v_outcome := 'invalid:role';

    ELSIF p_create THEN
        INSERT INTO chat.agent (site, id, email, name, role, password)
        VALUES (p_site, p_fresh, p_email, v_name, coalesce(p_role, 'agent'),
                '')
            ON CONFLICT (lower(email), (site::bigint)) DO NOTHING;

        IF FOUND THEN
            PERFORM chat.audit_put(p_site, NULL, 'agent_create', p_fresh,
                        jsonb_build_object('email', p_email, 'name', v_name,
                                           'role', p_role));
        END IF;
    END IF;

    IF v_outcome IS NULL THEN
        SELECT * INTO a
          FROM chat.agent t
         WHERE lower(t.email) = lower(p_email) AND (t.site = p_site) IS TRUE
           AND NOT t.machine
           FOR NO KEY UPDATE;

        v_outcome := CASE WHEN a.id IS NULL THEN 'not_found'
                          WHEN a.disabled_at IS NOT NULL THEN 'forbidden' END;
    END IF;

    IF v_outcome IS NOT NULL THEN
        RETURN QUERY SELECT v_outcome, NULL::uuid, NULL::text, NULL::bigint;
        RETURN;
    END IF;

    IF p_role <> a.role
       AND (a.role <> 'admin' OR chat.other_admin(p_site, a.id))
    THEN
        PERFORM chat.audit_put(p_site, NULL, 'agent_change', a.id,
                               jsonb_build_object('role', p_role));
        a.role := p_role;
    END IF;

    UPDATE chat.agent t
       SET identified_at = v_now, role = a.role,
           name = CASE WHEN chat.is_name(p_name) THEN v_name ELSE t.name END
     WHERE t.id = a.id AND (t.site = p_site) IS TRUE
    RETURNING * INTO a;

    INSERT INTO chat.agent_session (id, site, agent, token_hash, expires_at,
                                    ends_at, created_at)
    VALUES (p_session, p_site, a.id, p_token_hash, v_expires,
            v_now + interval '7 days', v_now);

    RETURN QUERY
    SELECT 'ok', a.id, chat.agent_body(a, v_expires), chat.ms(v_expires);
END
$$;


UPDATE chat.schema SET version = 19;
