-- People: teams, availability and capacity of agents, set-up links by which
-- they choose their passwords, the audit log, and desk_1(), through which
-- agents manage all of it.


ALTER TABLE chat.agent
    ADD COLUMN availability text COLLATE "C" NOT NULL DEFAULT 'online'
               CHECK (availability IN ('online', 'busy', 'away')),
    ADD COLUMN capacity integer CHECK (capacity BETWEEN 0 AND 1000);


CREATE TABLE chat.team (
    site        integer         NOT NULL REFERENCES chat.site (id),
    id          uuid            NOT NULL,
    name        text            NOT NULL,
    created_at  timestamptz(3)  NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (id, site)
);

CREATE UNIQUE INDEX team_name ON chat.team (lower(name), (site::bigint));


CREATE TABLE chat.team_member (
    site   integer  NOT NULL,
    team   uuid     NOT NULL,
    agent  uuid     NOT NULL,
    PRIMARY KEY (team, agent),
    FOREIGN KEY (site, team) REFERENCES chat.team (site, id)
                             ON DELETE CASCADE,
    FOREIGN KEY (site, agent) REFERENCES chat.agent (site, id)
                              ON DELETE CASCADE
);

CREATE INDEX team_member_agent ON chat.team_member (agent);


-- Links by which a password is chosen, once.  agent null: the first
-- administrator of the site, good only while the site has none.

CREATE TABLE chat.setup (
    hash        bytea           PRIMARY KEY,
    site        integer         NOT NULL REFERENCES chat.site (id),
    agent       uuid,
    expires_at  timestamptz(3)  NOT NULL,
    FOREIGN KEY (site, agent) REFERENCES chat.agent (site, id)
                              ON DELETE CASCADE
);


-- Who changed what.  It only grows: the role that owns it has given up the
-- right to change a row, and a trigger refuses it to everybody else.

CREATE TABLE chat.audit (
    id      bigint          PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    site    integer         NOT NULL REFERENCES chat.site (id),
    at      timestamptz(3)  NOT NULL DEFAULT clock_timestamp(),
    actor   uuid,
    action  text            COLLATE "C" NOT NULL,
    object  uuid,
    data    jsonb           NOT NULL
);

CREATE INDEX audit_site ON chat.audit (site, id);

CREATE FUNCTION chat.audit_kept() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only added to'
          USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON chat.audit
    FOR EACH STATEMENT EXECUTE FUNCTION chat.audit_kept();

REVOKE UPDATE, DELETE, TRUNCATE ON chat.audit FROM PUBLIC, CURRENT_USER;


CREATE FUNCTION chat.audit_put(p_site integer, p_actor uuid, p_action text,
    p_object uuid, p_data jsonb)
RETURNS void LANGUAGE sql VOLATILE AS $$
    INSERT INTO chat.audit (site, actor, action, object, data)
    VALUES (p_site, p_actor, p_action, p_object, coalesce(p_data, '{}'))
$$;


-- The agent who asks, as one row or none: the row of chat.actor() with the
-- role.

CREATE FUNCTION chat.colleague(p_site integer, p_kind text, p_id uuid,
    p_session uuid)
RETURNS SETOF chat.agent LANGUAGE sql STABLE AS $$
    SELECT a.*
      FROM chat.get_agent_session(CASE p_kind WHEN 'agent'
                                              THEN p_session END) s
      JOIN chat.get_agent(s.site, s.agent) a ON a.disabled_at IS NULL
     WHERE s.site = p_site AND s.agent = p_id
       AND s.revoked_at IS NULL AND s.expires_at > now()
$$;


CREATE FUNCTION chat.rank(p_role text) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE p_role WHEN 'admin' THEN 3 WHEN 'supervisor' THEN 2
                       ELSE 1 END
$$;


-- A name that people read: 1 to 100 characters, none of them invisible.

CREATE FUNCTION chat.is_name(text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT btrim($1) <> '' AND char_length($1) <= 100
           AND $1 !~ '[\u0001-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]'
$$;


CREATE FUNCTION chat.is_email(text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT $1 ~ '^[^[:space:][:cntrl:]@]+@[^[:space:][:cntrl:]@]+$'
           AND octet_length($1) <= 254
$$;


-- e-mail addresses are for those who manage, and for oneself

CREATE FUNCTION chat.agent_json(a chat.agent, p_full boolean)
RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
               'id', a.id, 'name', a.name, 'role', a.role,
               'availability', a.availability, 'capacity', a.capacity,
               'disabled', a.disabled_at IS NOT NULL,
               'teams', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                             'id', t.id, 'name', t.name)
                                             ORDER BY t.name, t.id), '[]')
                           FROM chat.team_member m
                           JOIN chat.team t
                             ON t.id = m.team AND t.site = m.site
                          WHERE m.agent = a.id AND m.site = a.site))
           || CASE WHEN p_full
                   THEN jsonb_build_object('email', a.email,
                                           'invited', a.password = '')
                   ELSE '{}' END
$$;


CREATE FUNCTION chat.team_json(t chat.team) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
               'id', t.id, 'name', t.name,
               'members', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                               'id', a.id, 'name', a.name)
                                               ORDER BY a.name, a.id), '[]')
                             FROM chat.team_member m
                             JOIN chat.agent a
                               ON a.id = m.agent AND a.site = m.site
                            WHERE m.team = t.id AND m.site = t.site))
$$;


-- The ids of a JSON array if each of them is a row of the site, else null.

CREATE FUNCTION chat.team_ids(p_site integer, p_list jsonb) RETURNS uuid[]
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN count(t.id) = count(*)
                THEN coalesce(array_agg(DISTINCT t.id)
                              FILTER (WHERE t.id IS NOT NULL), '{}') END
      FROM jsonb_array_elements_text(p_list) l (id)
      LEFT JOIN chat.team t ON t.id::text = lower(l.id) AND t.site = p_site
$$;

CREATE FUNCTION chat.agent_ids(p_site integer, p_list jsonb) RETURNS uuid[]
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN count(a.id) = count(*)
                THEN coalesce(array_agg(DISTINCT a.id)
                              FILTER (WHERE a.id IS NOT NULL), '{}') END
      FROM jsonb_array_elements_text(p_list) l (id)
      LEFT JOIN chat.agent a ON a.id::text = lower(l.id) AND a.site = p_site
$$;


-- Exactly these teams, or members.

CREATE FUNCTION chat.agent_teams(p_site integer, p_agent uuid,
    p_teams uuid[])
RETURNS void LANGUAGE sql VOLATILE AS $$
    DELETE FROM chat.team_member m
     WHERE m.agent = p_agent AND m.site = p_site
       AND m.team <> ALL (p_teams);

    INSERT INTO chat.team_member (site, team, agent)
    SELECT p_site, t.id, p_agent FROM unnest(p_teams) t (id)
        ON CONFLICT DO NOTHING;
$$;

CREATE FUNCTION chat.team_members(p_site integer, p_team uuid,
    p_agents uuid[])
RETURNS void LANGUAGE sql VOLATILE AS $$
    DELETE FROM chat.team_member m
     WHERE m.team = p_team AND m.site = p_site
       AND m.agent <> ALL (p_agents);

    INSERT INTO chat.team_member (site, team, agent)
    SELECT p_site, p_team, a.id FROM unnest(p_agents) a (id)
        ON CONFLICT DO NOTHING;
$$;


-- Whether somebody else administers the site.  Whoever takes an administrator
-- away, or makes the first, holds the lock until the end of the transaction.

CREATE FUNCTION chat.other_admin(p_site integer, p_agent uuid)
RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1667785077, p_site);

    RETURN EXISTS (SELECT FROM chat.agent a
                    WHERE a.site = p_site AND a.role = 'admin'
                      AND a.disabled_at IS NULL AND a.password <> ''
                      AND a.id IS DISTINCT FROM p_agent);
END
$$;


CREATE FUNCTION chat.sessions_end(p_site integer, p_agent uuid,
    p_but uuid)
RETURNS void LANGUAGE sql VOLATILE AS $$
    UPDATE chat.agent_session s
       SET revoked_at = chat.now_ms()
     WHERE s.site = p_site AND s.agent = p_agent AND s.revoked_at IS NULL
       AND s.id IS DISTINCT FROM p_but
$$;


CREATE FUNCTION chat.setup_put(p_site integer, p_agent uuid, p_hash bytea)
RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_expires  timestamptz;
BEGIN
    DELETE FROM chat.setup s WHERE s.expires_at <= now();

    IF p_agent IS NOT NULL THEN
        DELETE FROM chat.setup s
         WHERE s.site = p_site AND s.agent = p_agent;
    END IF;

    INSERT INTO chat.setup (hash, site, agent, expires_at)
    VALUES (p_hash, p_site, p_agent,
            chat.now_ms() + CASE WHEN p_agent IS NULL
                                 THEN interval '1 day'
                                 ELSE interval '7 days' END)
    RETURNING expires_at INTO v_expires;

    RETURN v_expires;
END
$$;


-- A link for the first administrator: created while the site has none.

CREATE FUNCTION chat.setup_first_1(p_site integer, p_hash bytea)
RETURNS TABLE (outcome text) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF chat.other_admin(p_site, NULL) THEN
        RETURN QUERY SELECT 'ok';
        RETURN;
    END IF;

    PERFORM chat.setup_put(p_site, NULL, p_hash);

    RETURN QUERY SELECT 'created';
END
$$;


-- Whether the link is good, before the password is hashed.

CREATE FUNCTION chat.setup_get_1(p_site integer, p_hash bytea)
RETURNS TABLE (outcome text) LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT CASE WHEN EXISTS (
                     SELECT FROM chat.setup s
                      WHERE s.hash = p_hash AND s.site = p_site
                        AND s.expires_at > now())
                THEN 'ok' ELSE 'unauthenticated' END;
END
$$;


-- Uses the link up: makes the first administrator, or sets the password of
-- the agent and ends the sessions that began with the old one.

CREATE FUNCTION chat.setup_use_1(p_site integer, p_hash bytea,
    p_fresh uuid, p_password text, p_email text, p_name text)
RETURNS TABLE (outcome text, body text) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_setup  chat.setup;
    v_agent  chat.agent;
    v_error  text;
BEGIN
    SELECT * INTO v_setup
      FROM chat.setup s
     WHERE s.hash = p_hash AND s.site = p_site AND s.expires_at > now()
       FOR UPDATE;

    IF NOT FOUND
       OR v_setup.agent IS NULL AND chat.other_admin(p_site, NULL)
    THEN
        RETURN QUERY SELECT 'unauthenticated', NULL::text;
        RETURN;
    END IF;

    v_error := CASE
        WHEN p_name IS NOT NULL AND NOT chat.is_name(p_name)
             OR v_setup.agent IS NULL AND p_name IS NULL
        THEN 'invalid:name'
        WHEN CASE WHEN v_setup.agent IS NULL
                  THEN chat.is_email(p_email) IS NOT TRUE
                  ELSE p_email IS NOT NULL END
        THEN 'invalid:email' END;

    IF v_error IS NULL AND v_setup.agent IS NULL THEN
        INSERT INTO chat.agent (site, id, email, name, role, password)
        VALUES (p_site, p_fresh, p_email, btrim(p_name), 'admin', p_password)
            ON CONFLICT (lower(email), (site::bigint)) DO NOTHING
        RETURNING * INTO v_agent;

        IF NOT FOUND THEN
            v_error := 'invalid:email';
        END IF;

    ELSIF v_error IS NULL THEN
        UPDATE chat.agent a
           SET password = p_password, name = coalesce(btrim(p_name), a.name)
         WHERE a.id = v_setup.agent AND (a.site = p_site) IS TRUE
           AND a.disabled_at IS NULL
        RETURNING * INTO v_agent;

        IF NOT FOUND THEN
            v_error := 'unauthenticated';
        END IF;

        PERFORM chat.sessions_end(p_site, v_setup.agent, NULL);
    END IF;

    IF v_error IS NOT NULL THEN
        RETURN QUERY SELECT v_error, NULL::text;
        RETURN;
    END IF;

    DELETE FROM chat.setup s
     WHERE s.site = p_site AND s.agent IS NOT DISTINCT FROM v_setup.agent;

    PERFORM chat.audit_put(p_site, v_agent.id, 'agent_setup', v_agent.id,
                jsonb_build_object('first', v_setup.agent IS NULL));

    RETURN QUERY
    SELECT 'ok', json_build_object('agent',
                                   chat.agent_json(v_agent, true))::text;
END
$$;


-- An agent who has not chosen a password yet cannot sign in.

CREATE OR REPLACE FUNCTION chat.agent_login_1(p_site integer, p_email text)
RETURNS TABLE (agent uuid, name text, email text, role text, password text)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
BEGIN
    RETURN QUERY
    SELECT a.id, a.name, a.email, a.role, a.password
      FROM chat.agent a
     WHERE lower(a.email) = lower(p_email) AND (a.site = p_site) IS TRUE
       AND a.disabled_at IS NULL AND a.password <> '';
END
$$;


-- What desk_1() answers with: a body, or null for nothing to say.

CREATE TYPE chat.desk_result AS (outcome text, body jsonb);


CREATE FUNCTION chat.desk_agents(p_me chat.agent, p_object uuid)
RETURNS chat.desk_result LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_full  boolean := chat.rank(p_me.role) >= 2;
    v_list  jsonb;
BEGIN
    IF p_object IS NULL THEN
        SELECT coalesce(jsonb_agg(chat.agent_json(a, v_full
                                                     OR a.id = p_me.id)
                                  ORDER BY a.name, a.id), '[]')
          INTO v_list
          FROM chat.agent a
         WHERE a.site = p_me.site AND (v_full OR a.disabled_at IS NULL);

        RETURN ROW ('ok', jsonb_build_object('agents', v_list))
            ::chat.desk_result;
    END IF;

    SELECT chat.agent_json(a, v_full OR a.id = p_me.id) INTO v_list
      FROM chat.agent a
     WHERE a.id = p_object AND a.site = p_me.site
       AND (v_full OR a.disabled_at IS NULL);

    IF NOT FOUND THEN
        RETURN ROW ('not_found', NULL)::chat.desk_result;
    END IF;

    RETURN ROW ('ok', v_list)::chat.desk_result;
END
$$;


CREATE FUNCTION chat.desk_agent_create(p_me chat.agent, p_fresh uuid,
    p_secret bytea, p_body jsonb)
RETURNS chat.desk_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_teams    uuid[] := chat.team_ids(p_me.site, coalesce(p_body -> 'teams',
                                                           '[]'));
    v_agent    chat.agent;
    v_expires  timestamptz;
BEGIN
    IF NOT chat.is_email(p_body ->> 'email') THEN
        RETURN ROW ('invalid:email', NULL)::chat.desk_result;
    ELSIF NOT chat.is_name(p_body ->> 'name') THEN
        RETURN ROW ('invalid:name', NULL)::chat.desk_result;
    ELSIF v_teams IS NULL THEN
        RETURN ROW ('invalid:teams', NULL)::chat.desk_result;
    END IF;

    INSERT INTO chat.agent (site, id, email, name, role, password, capacity)
    VALUES (p_me.site, p_fresh, p_body ->> 'email', btrim(p_body ->> 'name'),
            coalesce(p_body ->> 'role', 'agent'), '',
            (p_body ->> 'capacity')::integer)
        ON CONFLICT (lower(email), (site::bigint)) DO NOTHING
    RETURNING * INTO v_agent;

    IF NOT FOUND THEN
        RETURN ROW ('invalid:email', NULL)::chat.desk_result;
    END IF;

    PERFORM chat.agent_teams(p_me.site, p_fresh, v_teams);
    v_expires := chat.setup_put(p_me.site, p_fresh, p_secret);

    PERFORM chat.audit_put(p_me.site, p_me.id, 'agent_create', p_fresh,
                           p_body);

    RETURN ROW ('created', jsonb_build_object(
                'agent', chat.agent_json(v_agent, true),
                'expires_at', chat.rfc3339(v_expires)))::chat.desk_result;
END
$$;


-- Another link, for a password that was forgotten.

CREATE FUNCTION chat.desk_agent_invite(p_me chat.agent, p_object uuid,
    p_secret bytea)
RETURNS chat.desk_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_agent    chat.agent;
    v_expires  timestamptz;
BEGIN
    SELECT * INTO v_agent
      FROM chat.agent a
     WHERE a.id = p_object AND a.site = p_me.site AND a.disabled_at IS NULL;

    IF NOT FOUND THEN
        RETURN ROW ('not_found', NULL)::chat.desk_result;
    END IF;

    v_expires := chat.setup_put(p_me.site, p_object, p_secret);

    PERFORM chat.audit_put(p_me.site, p_me.id, 'agent_invite', p_object,
                           NULL);

    RETURN ROW ('created', jsonb_build_object(
                'agent', chat.agent_json(v_agent, true),
                'expires_at', chat.rfc3339(v_expires)))::chat.desk_result;
END
$$;


-- One's own availability; for supervisors everybody's, capacity and teams;
-- for administrators all of it.

CREATE FUNCTION chat.desk_agent_change(p_me chat.agent, p_object uuid,
    p_body jsonb)
RETURNS chat.desk_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_may    text[] := CASE chat.rank(p_me.role)
        WHEN 3 THEN '{availability,capacity,teams,name,email,role,disabled}'
        WHEN 2 THEN '{availability,capacity,teams}'
        ELSE CASE WHEN p_object = p_me.id THEN '{availability}'
                  ELSE '{}' END END;
    v_teams  uuid[];
    v_off    timestamptz;
    a        chat.agent;
BEGIN
    SELECT * INTO a
      FROM chat.agent t
     WHERE t.id = p_object AND t.site = p_me.site
       FOR NO KEY UPDATE;

    IF NOT FOUND THEN
        RETURN ROW ('not_found', NULL)::chat.desk_result;
    ELSIF p_body - v_may <> '{}' OR v_may = '{}' THEN
        RETURN ROW ('forbidden', NULL)::chat.desk_result;
    ELSIF p_body ? 'email' AND NOT chat.is_email(p_body ->> 'email') THEN
        RETURN ROW ('invalid:email', NULL)::chat.desk_result;
    ELSIF p_body ? 'name' AND NOT chat.is_name(p_body ->> 'name') THEN
        RETURN ROW ('invalid:name', NULL)::chat.desk_result;
    END IF;

    IF p_body ? 'teams' THEN
        v_teams := chat.team_ids(p_me.site, p_body -> 'teams');

        IF v_teams IS NULL THEN
            RETURN ROW ('invalid:teams', NULL)::chat.desk_result;
        END IF;
    END IF;

    v_off := CASE p_body ->> 'disabled'
                 WHEN 'true' THEN coalesce(a.disabled_at, chat.now_ms())
                 WHEN 'false' THEN NULL
                 ELSE a.disabled_at END;

    IF a.role = 'admin' AND a.disabled_at IS NULL AND a.password <> ''
       AND (v_off IS NOT NULL OR p_body ->> 'role' <> 'admin')
       AND NOT chat.other_admin(p_me.site, a.id)
    THEN
        RETURN ROW (CASE WHEN v_off IS NOT NULL THEN 'invalid:disabled'
                         ELSE 'invalid:role' END, NULL)::chat.desk_result;
    END IF;

    BEGIN
        UPDATE chat.agent t
           SET availability = coalesce(p_body ->> 'availability',
                                       t.availability),
               capacity = CASE WHEN p_body ? 'capacity'
                               THEN (p_body ->> 'capacity')::integer
                               ELSE t.capacity END,
               name = coalesce(btrim(p_body ->> 'name'), t.name),
               email = coalesce(p_body ->> 'email', t.email),
               role = coalesce(p_body ->> 'role', t.role),
               disabled_at = v_off
         WHERE t.id = a.id AND t.site = a.site
        RETURNING * INTO a;

    EXCEPTION WHEN unique_violation THEN
        RETURN ROW ('invalid:email', NULL)::chat.desk_result;
    END;

    IF v_teams IS NOT NULL THEN
        PERFORM chat.agent_teams(a.site, a.id, v_teams);
    END IF;

    -- else they would be back as soon as the agent is

    IF v_off IS NOT NULL THEN
        PERFORM chat.sessions_end(a.site, a.id, NULL);
    END IF;

    IF p_body - 'availability' <> '{}' OR a.id <> p_me.id THEN
        PERFORM chat.audit_put(a.site, p_me.id, 'agent_change', a.id,
                               p_body);
    END IF;

    RETURN ROW ('ok', chat.agent_json(a, chat.rank(p_me.role) >= 2
                                     OR a.id = p_me.id))::chat.desk_result;
END
$$;


-- Sessions are one's own, for administrators everybody's.

CREATE FUNCTION chat.desk_sessions(p_me chat.agent, p_session uuid,
    p_object uuid)
RETURNS chat.desk_result LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_object <> p_me.id AND p_me.role <> 'admin'
                THEN 'forbidden'
                WHEN count(a.id) = 0 THEN 'not_found'
                ELSE 'ok' END,
           CASE WHEN p_object = p_me.id OR p_me.role = 'admin'
                THEN jsonb_build_object('sessions',
                         coalesce(jsonb_agg(jsonb_build_object(
                             'id', s.id,
                             'current', s.id = p_session,
                             'created_at', chat.rfc3339(s.created_at),
                             'expires_at', chat.rfc3339(s.expires_at))
                             ORDER BY s.created_at DESC, s.id)
                             FILTER (WHERE s.id IS NOT NULL), '[]')) END
      FROM chat.agent a
      LEFT JOIN chat.agent_session s
             ON s.agent = a.id AND s.site = a.site
            AND s.revoked_at IS NULL AND s.expires_at > now()
     WHERE a.id = p_object AND a.site = p_me.site
$$;


-- All of an agent's but the one that asks.

CREATE FUNCTION chat.desk_sessions_end(p_me chat.agent, p_session uuid,
    p_object uuid)
RETURNS chat.desk_result LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF p_object <> p_me.id AND p_me.role <> 'admin' THEN
        RETURN ROW ('forbidden', NULL)::chat.desk_result;
    END IF;

    IF NOT EXISTS (SELECT FROM chat.agent a
                    WHERE a.id = p_object AND a.site = p_me.site)
    THEN
        RETURN ROW ('not_found', NULL)::chat.desk_result;
    END IF;

    PERFORM chat.sessions_end(p_me.site, p_object, p_session);
    PERFORM chat.audit_put(p_me.site, p_me.id, 'sessions_end', p_object,
                           NULL);

    RETURN ROW ('ok', NULL)::chat.desk_result;
END
$$;


-- Somebody else's session does not exist, but for administrators.

CREATE FUNCTION chat.desk_session_end(p_me chat.agent, p_object uuid)
RETURNS chat.desk_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_agent  uuid;
BEGIN
    UPDATE chat.agent_session s
       SET revoked_at = chat.now_ms()
     WHERE s.id = p_object AND s.site = p_me.site
       AND (s.agent = p_me.id OR p_me.role = 'admin')
       AND s.revoked_at IS NULL AND s.expires_at > now()
    RETURNING s.agent INTO v_agent;

    IF NOT FOUND THEN
        RETURN ROW ('not_found', NULL)::chat.desk_result;
    END IF;

    PERFORM chat.audit_put(p_me.site, p_me.id, 'session_end', v_agent,
                           jsonb_build_object('session', p_object));

    RETURN ROW ('ok', NULL)::chat.desk_result;
END
$$;


CREATE FUNCTION chat.desk_teams(p_me chat.agent)
RETURNS chat.desk_result LANGUAGE sql STABLE AS $$
    SELECT 'ok', jsonb_build_object('teams',
                     coalesce(jsonb_agg(chat.team_json(t)
                                        ORDER BY t.name, t.id), '[]'))
      FROM chat.team t
     WHERE t.site = p_me.site
$$;


-- p_object null: a new team.

CREATE FUNCTION chat.desk_team_put(p_me chat.agent, p_object uuid,
    p_fresh uuid, p_body jsonb)
RETURNS chat.desk_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_agents  uuid[];
    t         chat.team;
BEGIN
    IF p_body ? 'name' AND NOT chat.is_name(p_body ->> 'name') THEN
        RETURN ROW ('invalid:name', NULL)::chat.desk_result;
    END IF;

    IF p_body ? 'members' THEN
        v_agents := chat.agent_ids(p_me.site, p_body -> 'members');

        IF v_agents IS NULL THEN
            RETURN ROW ('invalid:members', NULL)::chat.desk_result;
        END IF;
    END IF;

    BEGIN
        IF p_object IS NULL THEN
            INSERT INTO chat.team (site, id, name)
            VALUES (p_me.site, p_fresh, btrim(p_body ->> 'name'))
            RETURNING * INTO t;

        ELSE
            UPDATE chat.team u
               SET name = coalesce(btrim(p_body ->> 'name'), u.name)
             WHERE u.id = p_object AND u.site = p_me.site
            RETURNING * INTO t;

            IF NOT FOUND THEN
                RETURN ROW ('not_found', NULL)::chat.desk_result;
            END IF;
        END IF;

    EXCEPTION WHEN unique_violation THEN
        RETURN ROW ('invalid:name', NULL)::chat.desk_result;
    END;

    IF v_agents IS NOT NULL THEN
        PERFORM chat.team_members(p_me.site, t.id, v_agents);
    END IF;

    PERFORM chat.audit_put(p_me.site, p_me.id,
                           CASE WHEN p_object IS NULL THEN 'team_create'
                                ELSE 'team_change' END, t.id, p_body);

    RETURN ROW (CASE WHEN p_object IS NULL THEN 'created' ELSE 'ok' END,
            chat.team_json(t))::chat.desk_result;
END
$$;


CREATE FUNCTION chat.desk_team_delete(p_me chat.agent, p_object uuid)
RETURNS chat.desk_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_name  text;
BEGIN
    DELETE FROM chat.team t
     WHERE t.id = p_object AND t.site = p_me.site
    RETURNING t.name INTO v_name;

    IF NOT FOUND THEN
        RETURN ROW ('not_found', NULL)::chat.desk_result;
    END IF;

    PERFORM chat.audit_put(p_me.site, p_me.id, 'team_delete', p_object,
                           jsonb_build_object('name', v_name));

    RETURN ROW ('ok', NULL)::chat.desk_result;
END
$$;


-- The newest first; before is an id of the page before.

CREATE FUNCTION chat.desk_audit(p_me chat.agent, p_body jsonb)
RETURNS chat.desk_result LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_lim   integer;
    v_list  jsonb;
BEGIN
    IF p_body ->> 'before' !~ '^[0-9]{1,18}$' THEN
        RETURN ROW ('invalid:before', NULL)::chat.desk_result;
    ELSIF p_body ->> 'limit' !~ '^[0-9]{1,9}$' THEN
        RETURN ROW ('invalid:limit', NULL)::chat.desk_result;
    END IF;

    v_lim := least(greatest(coalesce((p_body ->> 'limit')::integer, 50), 1),
                   200);

    SELECT jsonb_agg(jsonb_build_object(
               'id', l.id, 'at', chat.rfc3339(l.at),
               'actor', chat.person(a.id, a.name), 'action', l.action,
               'object', l.object, 'data', l.data) ORDER BY l.id DESC)
      INTO v_list
      FROM (SELECT * FROM chat.audit t
             WHERE t.site = p_me.site
               AND t.id < coalesce((p_body ->> 'before')::bigint,
                                   9223372036854775807)
             ORDER BY t.id DESC LIMIT v_lim + 1) l
      LEFT JOIN chat.agent a ON a.id = l.actor AND a.site = l.site;

    RETURN ROW ('ok', jsonb_build_object(
                'entries', coalesce(v_list, '[]') - v_lim,
                'more', coalesce(jsonb_array_length(v_list), 0) > v_lim,
                'page', CASE WHEN jsonb_array_length(v_list) > v_lim
                             THEN (v_list -> (v_lim - 1) ->> 'id') END))
            ::chat.desk_result;
END
$$;


-- The one way in: who asks, and whether the role is enough; then the act,
-- which looks at its own site alone.  p_fresh is an id for what may be made,
-- p_secret the hash of a token that the caller has made.

CREATE FUNCTION chat.desk_1(p_action text, p_site integer, p_kind text,
    p_id uuid, p_issued bigint, p_session uuid, p_object uuid, p_fresh uuid,
    p_secret bytea, p_body text)
RETURNS TABLE (outcome text, body text) LANGUAGE plpgsql VOLATILE
SET jit = off AS $$
DECLARE
    v_need  integer;
    v_body  jsonb := coalesce(p_body, '{}');
    me      chat.agent;
    d       chat.desk_result;
BEGIN
    SELECT * INTO me
      FROM chat.colleague(p_site, p_kind, p_id, p_session) a;

    IF NOT FOUND THEN
        RETURN QUERY SELECT 'unauthenticated', NULL::text;
        RETURN;
    END IF;

    v_need := CASE
        WHEN p_action IN ('agents', 'agent', 'agent_change', 'sessions',
                          'sessions_end', 'session_revoke', 'teams')
        THEN 1
        WHEN p_action IN ('agent_create', 'agent_invite', 'team_create',
                          'team_change', 'team_delete', 'audit')
        THEN 3 END;

    IF v_need IS NULL OR chat.rank(me.role) < v_need THEN
        RETURN QUERY SELECT 'forbidden', NULL::text;
        RETURN;
    END IF;

    d := CASE p_action
        WHEN 'agents' THEN chat.desk_agents(me, NULL)
        WHEN 'agent' THEN chat.desk_agents(me, p_object)
        WHEN 'agent_create'
        THEN chat.desk_agent_create(me, p_fresh, p_secret, v_body)
        WHEN 'agent_invite'
        THEN chat.desk_agent_invite(me, p_object, p_secret)
        WHEN 'agent_change'
        THEN chat.desk_agent_change(me, p_object, v_body)
        WHEN 'sessions' THEN chat.desk_sessions(me, p_session, p_object)
        WHEN 'sessions_end'
        THEN chat.desk_sessions_end(me, p_session, p_object)
        WHEN 'session_revoke' THEN chat.desk_session_end(me, p_object)
        WHEN 'teams' THEN chat.desk_teams(me)
        WHEN 'team_create'
        THEN chat.desk_team_put(me, NULL, p_fresh, v_body)
        WHEN 'team_change'
        THEN chat.desk_team_put(me, p_object, NULL, v_body)
        WHEN 'team_delete' THEN chat.desk_team_delete(me, p_object)
        WHEN 'audit' THEN chat.desk_audit(me, v_body)
    END;

    RETURN QUERY SELECT d.outcome, d.body::text;
END
$$;


UPDATE chat.schema SET version = 9;
