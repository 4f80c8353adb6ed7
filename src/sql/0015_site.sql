-- What administrators say of their site, and the keys by which it signs whom
-- it has identified.


-- The name of a setting that is none, below a path, or null.  What nobody
-- could have meant is not repeated.

CREATE FUNCTION chat.stray(p jsonb, p_path text, VARIADIC p_names text[])
RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN jsonb_typeof(p) IS DISTINCT FROM 'object' THEN p_path
        ELSE (SELECT concat_ws('.', nullif(p_path, 'settings'),
                               CASE WHEN k ~ '^[A-Za-z_]{1,32}$' THEN k
                                    WHEN p_path = 'settings' THEN p_path END)
                FROM jsonb_object_keys(p) k
               WHERE k <> ALL (p_names)
               ORDER BY k LIMIT 1) END
$$;

CREATE FUNCTION chat.is_word(p jsonb, p_pattern text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_typeof(p) = 'string' AND p #>> '{}' ~ p_pattern
$$;


-- As in 0008, to the very field.

CREATE OR REPLACE FUNCTION chat.settings_error(p jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_theme    jsonb := p -> 'theme';
    v_prechat  jsonb := p -> 'prechat';
    v_away     jsonb := p -> 'away';
    v_consent  jsonb := p -> 'consent';
BEGIN
    RETURN coalesce(
        chat.stray(p, 'settings', 'title', 'locale', 'theme', 'prechat',
                   'away', 'consent', 'one_conversation'),
        CASE WHEN p ? 'theme' THEN
            chat.stray(v_theme, 'theme', 'accent', 'scheme', 'side') END,
        CASE WHEN p ? 'prechat' THEN
            chat.stray(v_prechat, 'prechat', 'text', 'fields') END,
        CASE WHEN p ? 'away' THEN
            chat.stray(v_away, 'away', 'text', 'email') END,
        CASE WHEN p ? 'consent' THEN
            chat.stray(v_consent, 'consent', 'version', 'text', 'url') END,
        CASE
        WHEN p ? 'title' AND NOT chat.is_words(p -> 'title', 64)
        THEN 'title'
        WHEN p ? 'locale'
             AND NOT chat.is_word(p -> 'locale',
                     '^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$')
        THEN 'locale'
        WHEN v_theme ? 'accent'
             AND NOT chat.is_word(v_theme -> 'accent', '^#[0-9a-fA-F]{6}$')
        THEN 'theme.accent'
        WHEN v_theme ? 'scheme'
             AND NOT chat.is_word(v_theme -> 'scheme', '^(light|dark|auto)$')
        THEN 'theme.scheme'
        WHEN v_theme ? 'side'
             AND NOT chat.is_word(v_theme -> 'side',
                                  '^(start|end|left|right)$')
        THEN 'theme.side'
        WHEN v_prechat ? 'text'
             AND NOT chat.is_words(v_prechat -> 'text', 500)
        THEN 'prechat.text'
        WHEN p ? 'prechat'
             AND chat.fields_error(v_prechat -> 'fields') IS NOT NULL
        THEN 'prechat.' || chat.fields_error(v_prechat -> 'fields')
        WHEN v_away ? 'text' AND NOT chat.is_words(v_away -> 'text', 500)
        THEN 'away.text'
        WHEN v_away ? 'email'
             AND jsonb_typeof(v_away -> 'email') <> 'boolean'
        THEN 'away.email'
        WHEN p ? 'consent'
             AND chat.is_word(v_consent -> 'version',
                              '^[A-Za-z0-9._-]{1,32}$') IS NOT TRUE
        THEN 'consent.version'
        WHEN p ? 'consent'
             AND chat.is_words(v_consent -> 'text', 1000) IS NOT TRUE
        THEN 'consent.text'
        WHEN v_consent ? 'url' AND NOT chat.is_link(v_consent -> 'url')
        THEN 'consent.url'
        WHEN p ? 'one_conversation'
             AND jsonb_typeof(p -> 'one_conversation') <> 'boolean'
        THEN 'one_conversation' END);
END
$$;


-- version rises with each change, also that of a plain UPDATE.

ALTER TABLE chat.site ADD COLUMN version integer NOT NULL DEFAULT 1;

CREATE FUNCTION chat.site_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    new.version := old.version + 1;

    RETURN new;
END
$$;

CREATE TRIGGER site_changed
    BEFORE UPDATE OF locale, theme, settings ON chat.site
    FOR EACH ROW
    WHEN ((old.locale, old.theme, old.settings)
          IS DISTINCT FROM (new.locale, new.theme, new.settings))
    EXECUTE FUNCTION chat.site_changed();


ALTER TABLE chat.identity_key
    ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid();


CREATE FUNCTION chat.site_json(s chat.site) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('title', NULL, 'locale', s.locale,
                              'theme', s.theme, 'prechat', NULL,
                              'away', NULL, 'consent', NULL,
                              'one_conversation', false)
           || s.settings
           || jsonb_build_object('name', s.name, 'version', s.version)
$$;


CREATE FUNCTION chat.desk_site(p_me chat.agent) RETURNS chat.desk_result
LANGUAGE sql STABLE AS $$
    SELECT 'ok', chat.site_json(s) FROM chat.site s WHERE s.id = p_me.site
$$;


-- What is named is replaced, null takes it away.  The text that visitors
-- agree to does not change under its version.

CREATE FUNCTION chat.desk_site_change(p_me chat.agent, p_body jsonb)
RETURNS chat.desk_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_patch     jsonb := p_body - 'version';
    v_settings  jsonb;
    v_error     text;
    s           chat.site;
BEGIN
    SELECT * INTO s FROM chat.site t WHERE t.id = p_me.site
       FOR NO KEY UPDATE;

    SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') INTO v_settings
      FROM jsonb_each(s.settings || v_patch) e
     WHERE e.value <> 'null';

    v_error := coalesce(
        'invalid:' || chat.settings_error(v_settings),
        CASE WHEN v_settings -> 'consent' <> s.settings -> 'consent'
                  AND v_settings -> 'consent' -> 'version'
                      = s.settings -> 'consent' -> 'version'
             THEN 'invalid:consent.version' END);

    IF v_error IS NOT NULL THEN
        RETURN ROW (v_error, NULL)::chat.desk_result;
    END IF;

    IF s.version <> (p_body ->> 'version')::bigint THEN
        RETURN ROW ('conflict', jsonb_build_object('site',
                    chat.site_json(s)))::chat.desk_result;
    END IF;

    IF v_settings <> s.settings
       OR v_patch ? 'locale' AND s.locale IS NOT NULL
       OR v_patch ? 'theme' AND s.theme IS NOT NULL
    THEN
        UPDATE chat.site t
           SET settings = v_settings,
               locale = CASE WHEN NOT v_patch ? 'locale' THEN t.locale END,
               theme = CASE WHEN NOT v_patch ? 'theme' THEN t.theme END
         WHERE t.id = s.id
        RETURNING * INTO s;

        PERFORM chat.audit_put(s.id, p_me.id, 'site_change', NULL, v_patch);
    END IF;

    RETURN ROW ('ok', chat.site_json(s))::chat.desk_result;
END
$$;


-- Keys without what they sign with.

CREATE FUNCTION chat.identity_key_json(k chat.identity_key) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', k.id, 'kid', k.kid, 'alg', k.alg,
               'created_at', chat.rfc3339(k.created_at))
$$;


CREATE FUNCTION chat.desk_site_keys(p_me chat.agent)
RETURNS chat.desk_result LANGUAGE sql STABLE AS $$
    SELECT 'ok', jsonb_build_object('keys',
                     coalesce(jsonb_agg(chat.identity_key_json(k)
                                        ORDER BY k.created_at, k.kid), '[]'))
      FROM chat.identity_key k
     WHERE k.site = p_me.site
$$;


-- A secret that is not given is made, and told this once.

CREATE FUNCTION chat.desk_site_key_create(p_me chat.agent, p_fresh uuid,
    p_body jsonb)
RETURNS chat.desk_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_key   text := p_body ->> 'key';
    v_made  text;
    k       chat.identity_key;
BEGIN
    IF p_body ->> 'kid' !~ '^[A-Za-z0-9._-]{1,64}$' THEN
        RETURN ROW ('invalid:kid', NULL)::chat.desk_result;
    END IF;

    IF p_body ->> 'alg' = 'HS256' AND v_key IS NULL THEN
        v_made := replace(gen_random_uuid()::text || gen_random_uuid(), '-',
                          '');
        v_key := v_made;
    END IF;

    -- a public key is no secret

    IF (CASE p_body ->> 'alg'
            WHEN 'HS256' THEN octet_length(v_key) NOT BETWEEN 32 AND 1024
                              OR v_key LIKE '%-----BEGIN %'
            ELSE v_key IS NULL OR length(v_key) >= 1024
                 OR v_key NOT LIKE '-----BEGIN PUBLIC KEY-----%' END)
    THEN
        RETURN ROW ('invalid:key', NULL)::chat.desk_result;
    END IF;

    PERFORM FROM chat.site s WHERE s.id = p_me.site FOR NO KEY UPDATE;

    IF EXISTS (SELECT FROM chat.identity_key t
                WHERE t.site = p_me.site AND t.kid = p_body ->> 'kid')
    THEN
        RETURN ROW ('invalid:kid', NULL)::chat.desk_result;
    END IF;

    IF (SELECT count(*) FROM chat.identity_key t WHERE t.site = p_me.site)
       >= 2
    THEN
        RETURN ROW ('conflict', NULL)::chat.desk_result;
    END IF;

    INSERT INTO chat.identity_key (site, id, kid, alg, key, created_at)
    VALUES (p_me.site, p_fresh, p_body ->> 'kid', p_body ->> 'alg', v_key,
            chat.now_ms())
    RETURNING * INTO k;

    PERFORM chat.audit_put(k.site, p_me.id, 'site_key_create', k.id,
                           p_body - 'key');

    RETURN ROW ('created', chat.identity_key_json(k)
                || CASE WHEN v_made IS NOT NULL
                        THEN jsonb_build_object('secret', v_made)
                        ELSE '{}' END)::chat.desk_result;
END
$$;


CREATE FUNCTION chat.desk_site_key_delete(p_me chat.agent, p_object uuid)
RETURNS chat.desk_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_kid  text;
BEGIN
    DELETE FROM chat.identity_key k
     WHERE k.id = p_object AND k.site = p_me.site
    RETURNING k.kid INTO v_kid;

    IF NOT FOUND THEN
        RETURN ROW ('not_found', NULL)::chat.desk_result;
    END IF;

    PERFORM chat.audit_put(p_me.site, p_me.id, 'site_key_revoke', p_object,
                           jsonb_build_object('kid', v_kid));

    RETURN ROW ('ok', NULL)::chat.desk_result;
END
$$;


-- As desk_1, for what administrators say of the site.

CREATE FUNCTION chat.desk_site_1(p_action text, p_site integer, p_kind text,
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

    IF p_action <> 'site' AND me.role <> 'admin' THEN
        RETURN QUERY SELECT 'forbidden', NULL::text;
        RETURN;
    END IF;

    d := CASE p_action
        WHEN 'site' THEN chat.desk_site(me)
        WHEN 'site_change' THEN chat.desk_site_change(me, v_body)
        WHEN 'site_keys' THEN chat.desk_site_keys(me)
        WHEN 'site_key_create'
        THEN chat.desk_site_key_create(me, p_fresh, v_body)
        WHEN 'site_key_revoke' THEN chat.desk_site_key_delete(me, p_object)
    END;

    RETURN QUERY SELECT d.outcome, d.body::text;
END
$$;


UPDATE chat.schema SET version = 15;
