-- What a site says of itself, what a visitor says of himself, and whether
-- somebody of the site is there.


-- A text for people: one for all languages, or one for each of some.

CREATE FUNCTION chat.is_words(p jsonb, p_most integer) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    e  record;
BEGIN
    IF jsonb_typeof(p) = 'string' THEN
        RETURN chat.is_line(p, p_most);
    END IF;

    IF jsonb_typeof(p) IS DISTINCT FROM 'object' OR p = '{}' THEN
        RETURN false;
    END IF;

    FOR e IN SELECT * FROM jsonb_each(p) LOOP
        IF e.key !~ '^[a-z]{2,3}$' OR NOT chat.is_line(e.value, p_most) THEN
            RETURN false;
        END IF;
    END LOOP;

    RETURN true;
END
$$;

CREATE FUNCTION chat.is_line(p jsonb, p_most integer) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_typeof(p) = 'string'
           AND length(p #>> '{}') BETWEEN 1 AND p_most
           AND p #>> '{}' ~ '[^[:space:]]'
           AND p #>> '{}' !~ '[\x01-\x09\x0b-\x1f\x7f]'
$$;

CREATE FUNCTION chat.is_mailbox(text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT length($1) <= 254
           AND $1 ~ '^[^[:space:][:cntrl:]@<>",;]+@'
                    '[^[:space:][:cntrl:]@<>",;]+$'
$$;

CREATE FUNCTION chat.is_link(jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_typeof($1) = 'string' AND length($1 #>> '{}') <= 2048
           AND $1 #>> '{}' ~* '^https?://[^[:space:][:cntrl:]/?#@\\"<>]+'
                              '([/?#][^[:space:][:cntrl:]\\"<>]*)?$'
$$;


-- Whether an object has no other members than these.

CREATE FUNCTION chat.has_only(p jsonb, VARIADIC p_names text[])
RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN jsonb_typeof(p) IS NOT DISTINCT FROM 'object'
           AND p - p_names = '{}';
END
$$;


-- Fields of a form, as questions before a chat and cards have them: null, or
-- the name of what is wrong.

CREATE FUNCTION chat.fields_error(p jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_names  text[] := '{}';
    f        jsonb;
BEGIN
    IF jsonb_typeof(p) IS DISTINCT FROM 'array'
       OR jsonb_array_length(p) NOT BETWEEN 1 AND 10
    THEN
        RETURN 'fields';
    END IF;

    FOR f IN SELECT * FROM jsonb_array_elements(p) LOOP
        IF NOT chat.has_only(f, 'name', 'label', 'type', 'required')
           OR coalesce(f ->> 'name' !~ '^[a-z][a-z0-9_]{0,31}$', true)
           OR f ->> 'name' = ANY (v_names)
        THEN
            RETURN 'fields.name';
        END IF;

        IF f ? 'label' AND NOT chat.is_words(f -> 'label', 100)
           OR NOT f ? 'label' AND f ->> 'name' NOT IN ('name', 'email')
        THEN
            RETURN 'fields.label';
        END IF;

        IF f ? 'type'
           AND f -> 'type' NOT IN ('"text"', '"email"', '"tel"', '"long"')
        THEN
            RETURN 'fields.type';
        END IF;

        IF f ? 'required' AND jsonb_typeof(f -> 'required') <> 'boolean' THEN
            RETURN 'fields.required';
        END IF;

        v_names := v_names || (f ->> 'name');
    END LOOP;

    RETURN NULL;
END
$$;


-- The settings of a site: null, or the name of what is wrong.

CREATE FUNCTION chat.settings_error(p jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_error  text;
BEGIN
    IF NOT chat.has_only(p, 'title', 'locale', 'theme', 'prechat', 'away',
                         'consent', 'one_conversation')
    THEN
        RETURN 'settings';
    END IF;

    IF p ? 'title' AND NOT chat.is_words(p -> 'title', 64) THEN
        RETURN 'title';
    END IF;

    IF p ? 'locale'
       AND coalesce(p ->> 'locale'
                    !~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$', true)
    THEN
        RETURN 'locale';
    END IF;

    IF p ? 'theme'
       AND (NOT chat.has_only(p -> 'theme', 'accent', 'scheme', 'side')
            OR p -> 'theme' ->> 'accent' !~ '^#[0-9a-fA-F]{6}$'
            OR p -> 'theme' ->> 'scheme' NOT IN ('light', 'dark', 'auto')
            OR p -> 'theme' ->> 'side' NOT IN ('start', 'end', 'left',
                                               'right'))
    THEN
        RETURN 'theme';
    END IF;

    IF p ? 'prechat' THEN
        IF NOT chat.has_only(p -> 'prechat', 'text', 'fields')
           OR p -> 'prechat' ? 'text'
              AND NOT chat.is_words(p -> 'prechat' -> 'text', 500)
        THEN
            RETURN 'prechat';
        END IF;

        v_error := chat.fields_error(p -> 'prechat' -> 'fields');

        IF v_error IS NOT NULL THEN
            RETURN 'prechat.' || v_error;
        END IF;
    END IF;

    IF p ? 'away'
       AND (NOT chat.has_only(p -> 'away', 'text', 'email')
            OR p -> 'away' ? 'text'
               AND NOT chat.is_words(p -> 'away' -> 'text', 500)
            OR p -> 'away' ? 'email'
               AND jsonb_typeof(p -> 'away' -> 'email') <> 'boolean')
    THEN
        RETURN 'away';
    END IF;

    IF p ? 'consent'
       AND (NOT chat.has_only(p -> 'consent', 'version', 'text', 'url')
            OR coalesce(p -> 'consent' ->> 'version'
                        !~ '^[A-Za-z0-9._-]{1,32}$', true)
            OR NOT coalesce(chat.is_words(p -> 'consent' -> 'text', 1000),
                            false)
            OR p -> 'consent' ? 'url'
               AND NOT chat.is_link(p -> 'consent' -> 'url'))
    THEN
        RETURN 'consent';
    END IF;

    IF p ? 'one_conversation'
       AND jsonb_typeof(p -> 'one_conversation') <> 'boolean'
    THEN
        RETURN 'one_conversation';
    END IF;

    RETURN NULL;
END
$$;


ALTER TABLE chat.site
    ADD COLUMN settings jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT settings_valid CHECK (chat.settings_error(settings)
                                         IS NULL);


-- For operators and seeds: the settings become what is said.

CREATE FUNCTION chat.site_settings_put_1(p_site_name text, p_settings jsonb)
RETURNS TABLE (outcome text) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_site   integer := chat.site_put_1(p_site_name);
    v_error  text := chat.settings_error(p_settings);
BEGIN
    IF v_error IS NULL THEN
        UPDATE chat.site s SET settings = p_settings WHERE s.id = v_site;
    END IF;

    RETURN QUERY SELECT coalesce('invalid:' || v_error, 'ok');
END
$$;


-- What a visitor has said of himself, nobody has checked; of one whom the
-- site has identified (verified), external_id is what it calls him, and name
-- and email come from it.  merged_into: whom the site said he is.

ALTER TABLE chat.visitor
    ADD COLUMN email text,
    ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN external_id text COLLATE "C",
    ADD COLUMN merged_into uuid;

CREATE UNIQUE INDEX visitor_external_id
    ON chat.visitor (external_id, site) WHERE external_id IS NOT NULL;


-- To which version of the text a visitor has agreed, and when.

CREATE TABLE chat.consent (
    visitor     uuid            NOT NULL,
    site        integer         NOT NULL,
    version     text            COLLATE "C" NOT NULL,
    locale      text,
    created_at  timestamptz(3)  NOT NULL,
    PRIMARY KEY (visitor, site, version),
    FOREIGN KEY (site, visitor) REFERENCES chat.visitor (site, id)
                                ON DELETE CASCADE
);

CREATE FUNCTION chat.get_consent(uuid, integer) RETURNS SETOF chat.consent
LANGUAGE sql STABLE AS $$
    SELECT * FROM chat.consent WHERE visitor = $1 AND (site = $2) IS TRUE
     ORDER BY created_at DESC OFFSET 0
$$;


-- Attributes by what they are called: null, or what is wrong.  A null takes
-- one away.

CREATE FUNCTION chat.attributes_error(p jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    e  record;
BEGIN
    IF jsonb_typeof(p) <> 'object' THEN
        RETURN 'attributes';
    END IF;

    FOR e IN SELECT * FROM jsonb_each(p) LOOP
        IF e.key !~ '^[A-Za-z][A-Za-z0-9_.-]{0,31}$'
           OR jsonb_typeof(e.value) IN ('object', 'array')
           OR length(e.value #>> '{}') > 500
        THEN
            RETURN 'attributes';
        END IF;
    END LOOP;

    RETURN NULL;
END
$$;


-- The visitor as he is told of himself.

CREATE FUNCTION chat.visitor_self(v chat.visitor) RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'id', v.id, 'name', v.name, 'email', v.email,
               'verified', v.verified,
               'consent', (SELECT c.version
                             FROM chat.get_consent(v.id, v.site) c LIMIT 1))
$$;


-- Agents with a stream, as workers tell every few seconds.

CREATE UNLOGGED TABLE chat.agent_seen (
    site     integer         NOT NULL REFERENCES chat.site (id),
    agent    uuid            NOT NULL,
    seen_at  timestamptz(3)  NOT NULL,
    PRIMARY KEY (agent, site)
);

CREATE INDEX agent_seen_at ON chat.agent_seen (seen_at, site);

-- p_who: "<site> <agent>" of each, separated by commas.

CREATE FUNCTION chat.agents_seen_1(p_who text)
RETURNS TABLE (outcome text) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET jit = off AS $$
BEGIN
    INSERT INTO chat.agent_seen AS t (site, agent, seen_at)
    SELECT s.id, w.agent, chat.now_ms()
      FROM (SELECT DISTINCT split_part(i, ' ', 1)::integer AS site,
                            split_part(i, ' ', 2)::uuid AS agent
              FROM unnest(string_to_array(p_who, ',')) i) w
      JOIN chat.site s ON s.id = w.site
     ORDER BY w.agent, s.id
        ON CONFLICT (agent, site) DO UPDATE SET seen_at = excluded.seen_at;

    DELETE FROM chat.agent_seen
     WHERE ctid = ANY (ARRAY(SELECT t.ctid
                               FROM chat.agent_seen t
                              WHERE t.seen_at < now() - interval '1 hour'
                              LIMIT 16
                                FOR UPDATE SKIP LOCKED));

    RETURN QUERY SELECT 'ok';
END
$$;

CREATE FUNCTION chat.availability(p_site integer) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN EXISTS (SELECT 1
                               FROM chat.agent_seen s
                              WHERE (s.site = p_site) IS TRUE
                                AND s.seen_at > now() - interval '30 s')
                THEN 'online' ELSE 'away' END
$$;


-- Starts or resumes a visitor, as session_start_1, and says what the site
-- says of itself.

CREATE FUNCTION chat.session_body(v chat.visitor, p_epoch text)
RETURNS text LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
BEGIN
    RETURN (
        SELECT json_build_object(
                   'visitor', chat.visitor_self(v),
                   'site', jsonb_build_object('name', s.name,
                                              'locale', s.locale,
                                              'theme', s.theme)
                           || s.settings,
                   'availability', chat.availability(v.site),
                   'conversations',
                   chat.visitor_list(v.site, v.id, 20, NULL, p_epoch)
                       -> 'conversations')::text
          FROM chat.site s
         WHERE s.id = v.site);
END
$$;

CREATE FUNCTION chat.session_start_2(p_site integer, p_visitor uuid,
    p_issued bigint, p_fresh uuid, p_locale text, p_page text, p_epoch text)
RETURNS TABLE (outcome text, visitor uuid, issued bigint, body text)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
DECLARE
    v_now      timestamptz := chat.now_ms();
    v_outcome  text := 'ok';
    v          chat.visitor;
BEGIN
    SELECT * INTO v
      FROM chat.get_visitor(p_site, p_visitor) t
     WHERE t.valid_from <= p_issued
       AND t.blocked_at IS NULL AND t.erased_at IS NULL;

    IF FOUND THEN
        IF p_locale <> coalesce(v.locale, '')
           OR p_page <> coalesce(v.page, '')
        THEN
            UPDATE chat.visitor t
               SET locale = coalesce(p_locale, t.locale),
                   page = coalesce(p_page, t.page)
             WHERE t.id = p_visitor AND (t.site = p_site) IS TRUE;
        END IF;

    ELSE
        v_outcome := 'created';

        INSERT INTO chat.visitor (site, id, valid_from, locale, page,
                                  created_at)
        VALUES (p_site, p_fresh, chat.ms(v_now), p_locale, p_page, v_now)
        RETURNING * INTO v;
    END IF;

    RETURN QUERY
    SELECT v_outcome, v.id, greatest(chat.ms(v_now), v.valid_from),
           chat.session_body(v, p_epoch);
END
$$;


-- What a visitor says of himself.  The site's word stands above his own:
-- whom it has identified cannot take another name or address.

CREATE FUNCTION chat.visitor_put_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid, p_name text, p_email text,
    p_attributes text, p_consent text, p_locale text)
RETURNS TABLE (outcome text, body text) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
DECLARE
    v_attributes  jsonb := coalesce(p_attributes, '{}')::jsonb;
    v_all         jsonb;
    v_outcome     text;
    v             chat.visitor;
BEGIN
    SELECT * INTO v
      FROM chat.visitor t
     WHERE t.id = p_id AND (t.site = p_site) IS TRUE
       AND p_kind = 'visitor' AND t.valid_from <= p_issued
       AND t.blocked_at IS NULL AND t.erased_at IS NULL
       FOR NO KEY UPDATE;

    v_all := jsonb_strip_nulls(v.attributes || v_attributes);

    v_outcome := CASE
        WHEN v.id IS NULL THEN 'unauthenticated'
        WHEN v.verified AND (p_name IS NOT NULL OR p_email IS NOT NULL)
        THEN 'forbidden'
        WHEN p_name IS NOT NULL AND NOT chat.is_line(to_jsonb(p_name), 100)
        THEN 'invalid:name'
        WHEN p_email IS NOT NULL AND NOT chat.is_mailbox(p_email)
        THEN 'invalid:email'
        WHEN chat.attributes_error(v_attributes) IS NOT NULL
             OR (SELECT count(*) FROM jsonb_object_keys(v_all)) > 32
        THEN 'invalid:attributes'
        WHEN p_consent IS NOT NULL AND NOT EXISTS (
                 SELECT 1 FROM chat.site s
                  WHERE s.id = p_site
                    AND s.settings -> 'consent' ->> 'version' = p_consent)
        THEN 'invalid:consent'
        ELSE 'ok' END;

    IF v_outcome <> 'ok' THEN
        RETURN QUERY SELECT v_outcome, NULL::text;
        RETURN;
    END IF;

    UPDATE chat.visitor t
       SET name = coalesce(p_name, t.name),
           email = coalesce(p_email, t.email),
           attributes = v_all
     WHERE t.id = p_id AND (t.site = p_site) IS TRUE
    RETURNING * INTO v;

    IF p_consent IS NOT NULL THEN
        INSERT INTO chat.consent (visitor, site, version, locale, created_at)
        VALUES (p_id, p_site, p_consent, p_locale, chat.now_ms())
            ON CONFLICT (visitor, site, version) DO NOTHING;
    END IF;

    RETURN QUERY
    SELECT 'ok', json_build_object('visitor', chat.visitor_self(v))::text;
END
$$;


-- Signs a visitor out: every token of his ends.

CREATE FUNCTION chat.session_end_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid)
RETURNS TABLE (outcome text) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
BEGIN
    UPDATE chat.visitor t
       SET valid_from = greatest(chat.ms(chat.now_ms()), p_issued) + 1
     WHERE t.id = p_id AND (t.site = p_site) IS TRUE
       AND p_kind = 'visitor' AND t.valid_from <= p_issued;

    RETURN QUERY SELECT CASE WHEN FOUND THEN 'ok'
                             ELSE 'unauthenticated' END;
END
$$;


-- As conversation_create_1; the visitor's row is locked, so that who is
-- signed out meanwhile begins nothing.  On a site that holds visitors to one
-- conversation, the outcome is conflict with the one that is not resolved.

CREATE FUNCTION chat.conversation_create_2(p_site integer, p_kind text,
    p_id uuid, p_issued bigint, p_session uuid, p_conversation uuid,
    p_event uuid, p_client_msg_id text, p_text text, p_epoch text)
RETURNS SETOF chat.event_result LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_one   boolean;
    v_open  uuid;
BEGIN
    SELECT coalesce(s.settings -> 'one_conversation' = 'true', false)
      INTO v_one
      FROM chat.site s
     WHERE s.id = p_site;

    IF p_kind = 'visitor' THEN
        IF v_one THEN
            PERFORM 1 FROM chat.visitor t
              WHERE t.id = p_id AND (t.site = p_site) IS TRUE
                FOR NO KEY UPDATE;

            SELECT c.id INTO v_open
              FROM chat.conversation c
             WHERE c.visitor = p_id AND (c.site = p_site) IS TRUE
               AND c.status <> 'resolved' AND c.erased_at IS NULL
               AND NOT EXISTS (SELECT 1 FROM chat.conversation d
                                WHERE d.visitor = p_id
                                  AND d.client_msg_id = p_client_msg_id
                                  AND (d.site = p_site) IS TRUE)
             LIMIT 1;
        ELSE
            PERFORM 1 FROM chat.visitor t
              WHERE t.id = p_id AND (t.site = p_site) IS TRUE
                FOR KEY SHARE;
        END IF;
    END IF;

    IF v_open IS NULL
       OR NOT EXISTS (SELECT 1 FROM chat.actor(p_site, p_kind, p_id,
                                               p_issued, p_session))
    THEN
        RETURN QUERY
        SELECT * FROM chat.conversation_create_1(p_site, p_kind, p_id,
            p_issued, p_session, p_conversation, p_event, p_client_msg_id,
            p_text, p_epoch);
        RETURN;
    END IF;

    RETURN NEXT ROW ('conflict', NULL, NULL, NULL, NULL, NULL, NULL,
        chat.conversation_body(p_kind, p_id, v_open, p_epoch), NULL, NULL,
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        NULL)::chat.event_result;
END
$$;


-- As in 0002; an agent sees what is known of the visitor.

CREATE OR REPLACE FUNCTION chat.conversation_body(p_kind text, p_id uuid,
    p_conversation uuid, p_epoch text)
RETURNS text LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_body  jsonb;
BEGIN
    IF p_kind = 'agent' THEN
        SELECT s.body::jsonb
               || jsonb_build_object('visitor',
                      s.body::jsonb -> 'visitor'
                      || jsonb_build_object(
                             'email', v.email,
                             'external_id', v.external_id,
                             'attributes', v.attributes,
                             'locale', v.locale,
                             'page', v.page,
                             'consent', (
                                 SELECT jsonb_build_object(
                                            'version', n.version,
                                            'locale', n.locale,
                                            'at', chat.rfc3339(n.created_at))
                                   FROM chat.get_consent(v.id, v.site) n
                                  LIMIT 1)))
          INTO v_body
          FROM chat.summary_agent(p_conversation, p_id, p_epoch) s
          JOIN chat.get_conversation(p_conversation) c ON true
          JOIN chat.get_visitor(c.site, c.visitor) v ON true;
    ELSE
        SELECT s.body INTO v_body
          FROM chat.summary_visitor(p_conversation, p_epoch) s;
    END IF;

    RETURN (SELECT v_body || jsonb_build_object(
                       'read', s.body::jsonb -> 'read',
                       'created_at', chat.rfc3339(c.created_at))
              FROM chat.get_conversation(p_conversation) c,
                   chat.state(p_kind, p_conversation, 0) s);
END
$$;


UPDATE chat.schema SET version = 8;
