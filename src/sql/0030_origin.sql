-- Origins of other pages that may use the API of a site, among its settings.


-- As a browser writes it: in lower case, without the port of the scheme.

CREATE FUNCTION chat.is_origin(p jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_typeof(p) = 'string' AND length(p #>> '{}') <= 300
           AND p #>> '{}' ~ '^https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])'
                            '(:[1-9][0-9]{0,4})?$'
           AND p #>> '{}' !~ '^(http://.*:80|https://.*:443)$'
           AND coalesce(substring(p #>> '{}' from ':([0-9]{1,5})$')::integer,
                        1) <= 65535
$$;

CREATE FUNCTION chat.is_origins(p jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_typeof(p) = 'array'
                THEN jsonb_array_length(p) <= 20
                     AND NOT EXISTS (SELECT FROM jsonb_array_elements(p) e
                                      WHERE chat.is_origin(e) IS NOT TRUE)
                ELSE false END
$$;


-- As in 0018, with origins.

CREATE OR REPLACE FUNCTION chat.settings_error(p jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_theme    jsonb := p -> 'theme';
    v_prechat  jsonb := p -> 'prechat';
    v_away     jsonb := p -> 'away';
    v_consent  jsonb := p -> 'consent';
    v_assign   jsonb := p -> 'assignment';
BEGIN
    RETURN coalesce(
        chat.stray(p, 'settings', 'title', 'locale', 'theme', 'prechat',
                   'away', 'consent', 'one_conversation', 'assignment',
                   'origins'),
        CASE WHEN p ? 'theme' THEN
            chat.stray(v_theme, 'theme', 'accent', 'scheme', 'side') END,
        CASE WHEN p ? 'prechat' THEN
            chat.stray(v_prechat, 'prechat', 'text', 'fields') END,
        CASE WHEN p ? 'away' THEN
            chat.stray(v_away, 'away', 'text', 'email') END,
        CASE WHEN p ? 'consent' THEN
            chat.stray(v_consent, 'consent', 'version', 'text', 'url') END,
        CASE WHEN p ? 'assignment' THEN
            chat.stray(v_assign, 'assignment', 'policy', 'away_after') END,
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
        THEN 'one_conversation'
        WHEN v_assign ? 'policy'
             AND NOT chat.is_word(v_assign -> 'policy',
                     '^(manual|round_robin|least_loaded)$')
        THEN 'assignment.policy'
        WHEN v_assign ? 'away_after'
             AND NOT chat.is_seconds(v_assign -> 'away_after', 30, 3600)
        THEN 'assignment.away_after'
        WHEN p ? 'origins' AND NOT chat.is_origins(p -> 'origins')
        THEN 'origins' END);
END
$$;


CREATE OR REPLACE FUNCTION chat.site_json(s chat.site) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('title', NULL, 'locale', s.locale,
                              'theme', s.theme, 'prechat', NULL,
                              'away', NULL, 'consent', NULL,
                              'one_conversation', false,
                              'assignment', NULL, 'origins', NULL)
           || s.settings
           || jsonb_build_object('name', s.name, 'version', s.version)
$$;


-- As in 0018; origins are not for visitors either.

CREATE OR REPLACE FUNCTION chat.session_body(v chat.visitor, p_epoch text)
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
                           || (s.settings - '{assignment,origins}'::text[]),
                   'availability', chat.availability(v.site),
                   'conversations',
                   chat.visitor_list(v.site, v.id, 20, NULL, p_epoch)
                       -> 'conversations')::text
          FROM chat.site s
         WHERE s.id = v.site);
END
$$;


-- For workers: all of them with blanks in between.

CREATE FUNCTION chat.site_origins(s chat.site) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT string_agg(o, ' ')
      FROM jsonb_array_elements_text(s.settings -> 'origins') o
$$;


-- As site_put_1, with what a worker knows of the site.

CREATE FUNCTION chat.site_put_2(p_name text)
RETURNS TABLE (id integer, version integer, origins text)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_id  integer := chat.site_put_1(p_name);
BEGIN
    RETURN QUERY
    SELECT s.id, s.version, chat.site_origins(s)
      FROM chat.site s
     WHERE s.id = v_id;
END
$$;


-- As revoked_2; and the origins of those sites, "<id>:<version>,...", whose
-- settings are of another version, which is in valid_from.

CREATE FUNCTION chat.revoked_3(p_since text, p_sites text)
RETURNS TABLE (next text, complete boolean, kind text, id uuid,
    valid_from bigint, site integer, origins text)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
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
    SELECT v_now::text, NOT v_many, NULL::text, NULL::uuid, NULL::bigint,
           NULL::integer, NULL::text
    UNION ALL
    (SELECT NULL, NULL, r.kind, r.id, r.valid_from, r.site, NULL
       FROM chat.revocation r
      WHERE r.xact >= pg_snapshot_xmin(v_since)
        AND r.xact < pg_snapshot_xmax(v_now)
        AND NOT pg_visible_in_snapshot(r.xact, v_since)
        AND (r.kind = 'conversation' OR NOT v_many)
      LIMIT 10000)
    UNION ALL
    SELECT NULL, NULL, 'origins', NULL, s.version, s.id,
           chat.site_origins(s)
      FROM unnest(string_to_array(p_sites, ',')) k
      JOIN chat.site s ON s.id = split_part(k, ':', 1)::integer
     WHERE s.version <> split_part(k, ':', 2)::integer;
END
$$;


UPDATE chat.schema SET version = 30;
