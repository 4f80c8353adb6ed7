-- How long a site keeps what pages tell of visitors, among its settings.


-- As in 0030, with the days.

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
                   'origins', 'track_days'),
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
        THEN 'origins'
        WHEN p ? 'track_days'
             AND NOT chat.is_seconds(p -> 'track_days', 1, 365)
        THEN 'track_days' END);
END
$$;


CREATE OR REPLACE FUNCTION chat.site_json(s chat.site) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('title', NULL, 'locale', s.locale,
                              'theme', s.theme, 'prechat', NULL,
                              'away', NULL, 'consent', NULL,
                              'one_conversation', false,
                              'assignment', NULL, 'origins', NULL,
                              'track_days', NULL)
           || s.settings
           || jsonb_build_object('name', s.name, 'version', s.version)
$$;


CREATE FUNCTION chat.track_kept(s chat.site) RETURNS interval
LANGUAGE sql STABLE AS $$
    SELECT make_interval(days => coalesce((s.settings ->> 'track_days')
                                          ::integer, 30))
$$;


-- As in 0030; that is not for visitors either.

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
                           || (s.settings - '{assignment,origins,track_days}'
                                            ::text[]),
                   'availability', chat.availability(v.site),
                   'conversations',
                   chat.visitor_list(v.site, v.id, 20, NULL, p_epoch)
                       -> 'conversations')::text
          FROM chat.site s
         WHERE s.id = v.site);
END
$$;


CREATE INDEX track_site ON chat.track (site, created_at);

DROP INDEX chat.track_created_at;


-- As in 0032; each site has its own time.

CREATE OR REPLACE FUNCTION chat.track_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid, p_events text)
RETURNS TABLE (outcome text) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_now     timestamptz := chat.now_ms();
    v_events  jsonb := p_events;
BEGIN
    PERFORM FROM chat.visitor v
      WHERE p_kind = 'visitor' AND v.id = p_id AND (v.site = p_site) IS TRUE
        AND v.valid_from <= p_issued
        AND v.blocked_at IS NULL AND v.erased_at IS NULL
        FOR KEY SHARE;

    IF NOT FOUND THEN
        RETURN QUERY SELECT 'unauthenticated';
        RETURN;
    END IF;

    INSERT INTO chat.track (site, visitor, name, data, url, at, created_at)
    SELECT p_site, p_id, e ->> 'name', e -> 'data', e ->> 'url',
           greatest(v_now - interval '1 day',
                    least(v_now, (e ->> 'at')::timestamptz)),
           v_now
      FROM jsonb_array_elements(v_events) WITH ORDINALITY i (e, n)
     ORDER BY n;

    DELETE FROM chat.track
     WHERE id = ANY (ARRAY(SELECT o.id
                             FROM chat.site s,
                                  LATERAL (
                                  SELECT t.id
                                    FROM chat.track t
                                   WHERE t.site = s.id
                                     AND t.created_at
                                         < v_now - chat.track_kept(s)
                                   ORDER BY t.created_at
                                   LIMIT 50
                                     FOR UPDATE SKIP LOCKED) o
                            WHERE s.id > 0
                            LIMIT 50));
    DELETE FROM chat.track
     WHERE id = ANY (ARRAY(SELECT t.id
                             FROM chat.track t
                            WHERE t.visitor = p_id
                              AND (t.site = p_site) IS TRUE
                            ORDER BY t.id DESC
                           OFFSET 1000 LIMIT 50));

    RETURN QUERY SELECT 'ok';
END
$$;


-- As in 0021, likewise.

CREATE OR REPLACE FUNCTION chat.customer_track_1(p_site integer, p_kind text,
    p_id uuid, p_issued bigint, p_session uuid, p_visitor uuid,
    p_lim integer, p_before text)
RETURNS TABLE (outcome text, body text) LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_lim    integer := least(greatest(p_lim, 1), 200);
    v_last   bigint := 9223372036854775807;
    v_list   jsonb;
    v_more   boolean;
    v_error  text;
    v_kept   interval;
    v        chat.visitor;
BEGIN
    SELECT * INTO v FROM chat.customer(p_site, p_visitor);

    v_error := CASE
        WHEN p_kind <> 'agent'
             OR NOT EXISTS (SELECT 1 FROM chat.actor(p_site, p_kind, p_id,
                                                     p_issued, p_session))
        THEN 'unauthenticated'
        WHEN v.id IS NULL THEN 'not_found'
        WHEN v.erased_at IS NOT NULL THEN 'gone'
        WHEN p_before <> '' AND p_before !~ '^[0-9]{1,18}$'
        THEN 'invalid:before' END;

    IF v_error IS NOT NULL THEN
        RETURN QUERY SELECT v_error, NULL::text;
        RETURN;
    END IF;

    IF p_before <> '' THEN
        v_last := p_before;
    END IF;

    SELECT chat.track_kept(s) INTO v_kept
      FROM chat.site s
     WHERE s.id = p_site;

    SELECT jsonb_agg(jsonb_build_object(
               'id', l.id, 'name', l.name, 'data', l.data, 'url', l.url,
               'at', chat.rfc3339(l.at)) ORDER BY l.id DESC)
      INTO v_list
      FROM (SELECT *
              FROM chat.track t
             WHERE t.visitor = v.id AND t.id < v_last
               AND (t.site = p_site) IS TRUE
               AND t.created_at > now() - v_kept
             ORDER BY t.id DESC
             LIMIT v_lim + 1) l;

    v_more := coalesce(jsonb_array_length(v_list), 0) > v_lim;

    RETURN QUERY
    SELECT 'ok', jsonb_build_object(
               'events', coalesce(v_list, '[]') - v_lim,
               'more', v_more,
               'page', CASE WHEN v_more
                            THEN v_list -> (v_lim - 1) ->> 'id' END)::text;
END
$$;


UPDATE chat.schema SET version = 34;
