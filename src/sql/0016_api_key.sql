-- API keys: programs that act for a site, each within its scopes.


-- A key acts as an agent of its own, whom nobody signs in as, and whose one
-- session is the key: the statements that ask who is there need not know.
-- The three have the same id.

ALTER TABLE chat.agent ADD COLUMN machine boolean NOT NULL DEFAULT false;

CREATE TABLE chat.api_key (
    site        integer         NOT NULL,
    id          uuid            NOT NULL,
    hash        bytea           NOT NULL,
    scopes      text[]          NOT NULL,
    created_by  uuid            NOT NULL,
    used_at     timestamptz(3),
    PRIMARY KEY (id),
    FOREIGN KEY (site, id) REFERENCES chat.agent (site, id)
                           ON DELETE CASCADE
);

CREATE UNIQUE INDEX api_key_hash ON chat.api_key (hash);
CREATE INDEX api_key_site ON chat.api_key (site);


CREATE FUNCTION chat.scopes_error(p_scopes jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_array_length(p_scopes) = 0
                     OR NOT p_scopes <@ '["conversations:read",
                            "conversations:write", "visitors:write",
                            "people:read", "settings:read",
                            "settings:write", "audit:read"]'
                THEN 'scopes' END
$$;


-- Whose key it is: found by the SHA-256 of its text.  When it was used last
-- is kept to the hour.

CREATE FUNCTION chat.api_key_get_1(p_site integer, p_hash bytea)
RETURNS TABLE (session uuid, agent uuid, expires bigint, scopes text)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_now  timestamptz := chat.now_ms();
    v_end  timestamptz;
    k      chat.api_key;
BEGIN
    SELECT * INTO k
      FROM chat.api_key t
     WHERE t.hash = p_hash AND (t.site = p_site) IS TRUE;

    SELECT s.expires_at INTO v_end
      FROM chat.get_agent_session(k.id) s
      JOIN chat.get_agent(s.site, s.agent) a ON a.disabled_at IS NULL
     WHERE s.site = k.site AND s.revoked_at IS NULL AND s.expires_at > v_now;

    IF NOT FOUND THEN
        RETURN;
    END IF;

    IF k.used_at IS NULL OR k.used_at < v_now - interval '1 hour' THEN
        UPDATE chat.api_key t SET used_at = v_now WHERE t.id = k.id;
    END IF;

    RETURN QUERY
    SELECT k.id, k.id, chat.ms(v_end), array_to_string(k.scopes, ' ');
END
$$;


-- The text of a key begins with something of its id, not of its secret.

CREATE FUNCTION chat.api_key_json(k chat.api_key) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', k.id, 'name', a.name,
               'prefix', 'chat_' || right(k.id::text, 8),
               'scopes', k.scopes,
               'created_by', chat.person(b.id, b.name),
               'created_at', chat.rfc3339(s.created_at),
               'expires_at', CASE WHEN s.ends_at < '9999-01-01'
                                  THEN chat.rfc3339(s.ends_at) END,
               'used_at', chat.rfc3339(k.used_at),
               'revoked_at', chat.rfc3339(s.revoked_at))
      FROM chat.get_agent(k.site, k.id) a
      JOIN chat.get_agent_session(k.id) s ON true
      LEFT JOIN chat.get_agent(k.site, k.created_by) b ON true
$$;


CREATE FUNCTION chat.desk_keys(p_me chat.agent) RETURNS chat.desk_result
LANGUAGE sql STABLE AS $$
    SELECT 'ok', jsonb_build_object('keys',
                     coalesce(jsonb_agg(chat.api_key_json(k)
                                        ORDER BY k.id DESC), '[]'))
      FROM (SELECT * FROM chat.api_key t WHERE t.site = p_me.site
             ORDER BY t.id DESC LIMIT 200) k
$$;


-- Its role is no more than the scopes need.

CREATE FUNCTION chat.desk_key_create(p_me chat.agent, p_fresh uuid,
    p_secret bytea, p_body jsonb)
RETURNS chat.desk_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_now   timestamptz := chat.now_ms();
    v_end   timestamptz := chat.moment(p_body ->> 'expires_at');
    v_role  text := CASE WHEN p_body -> 'scopes' ? 'settings:write'
                              OR p_body -> 'scopes' ? 'audit:read'
                         THEN 'admin' ELSE 'agent' END;
    k       chat.api_key;
BEGIN
    IF NOT chat.is_name(p_body ->> 'name') THEN
        RETURN ROW ('invalid:name', NULL)::chat.desk_result;
    ELSIF chat.scopes_error(p_body -> 'scopes') IS NOT NULL THEN
        RETURN ROW ('invalid:scopes', NULL)::chat.desk_result;
    ELSIF p_body ->> 'expires_at' IS NOT NULL
          AND (v_end IS NULL OR v_end <= v_now
               OR v_end > v_now + interval '10 years')
    THEN
        RETURN ROW ('invalid:expires_at', NULL)::chat.desk_result;
    END IF;

    PERFORM FROM chat.site s WHERE s.id = p_me.site FOR NO KEY UPDATE;

    IF (SELECT count(*)
          FROM chat.api_key t
          JOIN chat.agent_session s ON s.id = t.id
         WHERE t.site = p_me.site AND s.revoked_at IS NULL
           AND s.expires_at > v_now) >= 50
    THEN
        RETURN ROW ('conflict', NULL)::chat.desk_result;
    END IF;

    INSERT INTO chat.agent (site, id, email, name, role, password,
                            availability, capacity, machine)
    VALUES (p_me.site, p_fresh, 'key:' || p_fresh, btrim(p_body ->> 'name'),
            v_role, '', 'away', 0, true);

    -- nothing is signed in with the session itself

    INSERT INTO chat.agent_session (id, site, agent, token_hash, expires_at,
                                    ends_at, created_at)
    SELECT p_fresh, p_me.site, p_fresh,
           sha256(convert_to('key:' || p_fresh, 'UTF8')), e.at, e.at, v_now
      FROM (SELECT coalesce(v_end, '9999-12-31 UTC') AS at) e;

    INSERT INTO chat.api_key (site, id, hash, scopes, created_by)
    VALUES (p_me.site, p_fresh, p_secret,
            ARRAY(SELECT DISTINCT n.name
                    FROM jsonb_array_elements_text(p_body -> 'scopes')
                         n (name)
                   ORDER BY 1),
            p_me.id)
    RETURNING * INTO k;

    PERFORM chat.audit_put(k.site, p_me.id, 'key_create', k.id, p_body);

    RETURN ROW ('created', chat.api_key_json(k))::chat.desk_result;
END
$$;


CREATE FUNCTION chat.desk_key_revoke(p_me chat.agent, p_object uuid)
RETURNS chat.desk_result LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE chat.agent_session s
       SET revoked_at = chat.now_ms()
      FROM chat.api_key k
     WHERE k.id = p_object AND k.site = p_me.site
       AND s.id = k.id AND s.revoked_at IS NULL;

    IF NOT FOUND THEN
        RETURN ROW ('not_found', NULL)::chat.desk_result;
    END IF;

    PERFORM chat.audit_put(p_me.site, p_me.id, 'key_revoke', p_object, NULL);

    RETURN ROW ('ok', NULL)::chat.desk_result;
END
$$;


-- What agents and programs know of a visitor.  Whom the site has identified
-- keeps the site's name and address.  The audit log gets no personal data,
-- since nothing is taken out of it.

CREATE FUNCTION chat.desk_visitor_change(p_me chat.agent, p_object uuid,
    p_body jsonb)
RETURNS chat.desk_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_attributes  jsonb := coalesce(p_body -> 'attributes', '{}');
    v_all         jsonb;
    v_outcome     text;
    v             chat.visitor;
BEGIN
    SELECT * INTO v
      FROM chat.visitor t
     WHERE t.id = p_object AND (t.site = p_me.site) IS TRUE
       FOR NO KEY UPDATE;

    v_all := jsonb_strip_nulls(v.attributes || v_attributes);

    v_outcome := CASE
        WHEN v.id IS NULL THEN 'not_found'
        WHEN v.erased_at IS NOT NULL THEN 'gone'
        WHEN v.verified AND (p_body ? 'name' OR p_body ? 'email')
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
                'attributes', v.attributes))::chat.desk_result;
END
$$;


-- As desk_1, for keys and what they are for.

CREATE FUNCTION chat.desk_key_1(p_action text, p_site integer, p_kind text,
    p_id uuid, p_issued bigint, p_session uuid, p_object uuid, p_fresh uuid,
    p_secret bytea, p_body text)
RETURNS TABLE (outcome text, body text) LANGUAGE plpgsql VOLATILE
SET jit = off AS $$
DECLARE
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

    -- a key makes no keys

    IF p_action <> 'visitor_change' AND (me.role <> 'admin' OR me.machine)
    THEN
        RETURN QUERY SELECT 'forbidden', NULL::text;
        RETURN;
    END IF;

    d := CASE p_action
        WHEN 'keys' THEN chat.desk_keys(me)
        WHEN 'key_create'
        THEN chat.desk_key_create(me, p_fresh, p_secret, v_body)
        WHEN 'key_revoke' THEN chat.desk_key_revoke(me, p_object)
        WHEN 'visitor_change'
        THEN chat.desk_visitor_change(me, p_object, v_body)
    END;

    RETURN QUERY SELECT d.outcome, d.body::text;
END
$$;


-- As in 0009: a key is nobody's colleague, is not invited and has no teams.

CREATE OR REPLACE FUNCTION chat.agent_ids(p_site integer, p_list jsonb)
RETURNS uuid[] LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN count(a.id) = count(*)
                THEN coalesce(array_agg(DISTINCT a.id)
                              FILTER (WHERE a.id IS NOT NULL), '{}') END
      FROM jsonb_array_elements_text(p_list) l (id)
      LEFT JOIN chat.agent a ON a.id::text = lower(l.id) AND a.site = p_site
                            AND NOT a.machine
$$;


CREATE OR REPLACE FUNCTION chat.desk_agents(p_me chat.agent,
    p_object uuid)
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
         WHERE a.site = p_me.site AND NOT a.machine
           AND (v_full OR a.disabled_at IS NULL);

        RETURN ROW ('ok', jsonb_build_object('agents', v_list))
            ::chat.desk_result;
    END IF;

    SELECT chat.agent_json(a, v_full OR a.id = p_me.id) INTO v_list
      FROM chat.agent a
     WHERE a.id = p_object AND a.site = p_me.site AND NOT a.machine
       AND (v_full OR a.disabled_at IS NULL);

    IF NOT FOUND THEN
        RETURN ROW ('not_found', NULL)::chat.desk_result;
    END IF;

    RETURN ROW ('ok', v_list)::chat.desk_result;
END
$$;


CREATE OR REPLACE FUNCTION chat.desk_agent_invite(p_me chat.agent,
    p_object uuid, p_secret bytea)
RETURNS chat.desk_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_agent    chat.agent;
    v_expires  timestamptz;
BEGIN
    SELECT * INTO v_agent
      FROM chat.agent a
     WHERE a.id = p_object AND a.site = p_me.site AND a.disabled_at IS NULL
       AND NOT a.machine;

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


CREATE OR REPLACE FUNCTION chat.desk_agent_change(p_me chat.agent,
    p_object uuid, p_body jsonb)
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
     WHERE t.id = p_object AND t.site = p_me.site AND NOT t.machine
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


UPDATE chat.schema SET version = 16;
