-- What a visitor's browser says of itself, and attributes that are the site's
-- word.


-- user_agent, time_zone: of the browser that was here last.  claimed: names
-- of attributes that the site has signed; as long as it says who the visitor
-- is, they are its own.

ALTER TABLE chat.visitor
    ADD COLUMN user_agent text,
    ADD COLUMN time_zone text,
    ADD COLUMN claimed text[] NOT NULL DEFAULT '{}';


-- Goes where the visitor goes: to whom he turns out to be, or away.

CREATE FUNCTION chat.visitor_device() RETURNS trigger LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_bitmapscan = off SET jit = off AS $$
BEGIN
    IF new.erased_at IS NULL THEN
        UPDATE chat.visitor t
           SET user_agent = coalesce(new.user_agent, t.user_agent),
               time_zone = coalesce(new.time_zone, t.time_zone)
         WHERE t.id = new.merged_into AND (t.site = new.site) IS TRUE
           AND t.erased_at IS NULL;
    END IF;

    new.user_agent := NULL;
    new.time_zone := NULL;
    new.claimed := '{}';

    RETURN new;
END
$$;

CREATE TRIGGER visitor_device
    BEFORE UPDATE OF erased_at, merged_into ON chat.visitor
    FOR EACH ROW
    WHEN (old.erased_at IS NULL AND new.erased_at IS NOT NULL
          OR old.merged_into IS NULL AND new.merged_into IS NOT NULL)
    EXECUTE FUNCTION chat.visitor_device();


-- As session_start_4, with the browser.  Nothing is written of what is known.

CREATE FUNCTION chat.session_start_5(p_site integer, p_visitor uuid,
    p_issued bigint, p_fresh uuid, p_locale text, p_page text, p_epoch text,
    p_external text, p_name text, p_email text, p_attributes text,
    p_outside boolean, p_user_agent text, p_time_zone text)
RETURNS TABLE (outcome text, visitor uuid, issued bigint, body text)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_claimed  text[];
    v          chat.visitor;
BEGIN
    SELECT s.* INTO outcome, visitor, issued, body
      FROM chat.session_start_4(p_site, p_visitor, p_issued, p_fresh,
               p_locale, p_page, p_epoch, p_external, p_name, p_email,
               p_attributes, p_outside) s;

    SELECT * INTO v FROM chat.get_visitor(p_site, visitor) t;

    -- who is told by the site has his row locked by now

    IF v.verified AND p_external IS NOT NULL AND p_attributes IS NOT NULL
    THEN
        SELECT coalesce(array_agg(DISTINCT n.name ORDER BY n.name), '{}')
          INTO v_claimed
          FROM (SELECT unnest(v.claimed) UNION ALL
                SELECT jsonb_object_keys(p_attributes::jsonb)) n (name)
         WHERE v.attributes ? n.name;
    END IF;

    IF p_user_agent <> coalesce(v.user_agent, '')
       OR p_time_zone <> coalesce(v.time_zone, '')
       OR v_claimed <> v.claimed
    THEN
        UPDATE chat.visitor t
           SET user_agent = coalesce(p_user_agent, t.user_agent),
               time_zone = coalesce(p_time_zone, t.time_zone),
               claimed = coalesce(v_claimed, t.claimed)
         WHERE t.id = v.id AND (t.site = p_site) IS TRUE
           AND t.erased_at IS NULL AND t.merged_into IS NULL;
    END IF;

    RETURN NEXT;
END
$$;


-- As in 0023; agents see the browser, and which attributes are the site's.

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
                             'claimed', v.claimed,
                             'locale', v.locale,
                             'page', v.page,
                             'user_agent', v.user_agent,
                             'time_zone', v.time_zone,
                             'blocked', v.blocked_at IS NOT NULL,
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
                       'queue', s.body::jsonb -> 'queue',
                       'created_at', chat.rfc3339(c.created_at))
              FROM chat.get_conversation(p_conversation) c,
                   chat.state(p_kind, p_conversation, 0) s);
END
$$;


-- As in 0008; what the site has signed is not the visitor's to change.

CREATE OR REPLACE FUNCTION chat.visitor_put_1(p_site integer, p_kind text,
    p_id uuid, p_issued bigint, p_session uuid, p_name text, p_email text,
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
        WHEN v.verified AND (p_name IS NOT NULL OR p_email IS NOT NULL
                             OR v_attributes ?| v.claimed)
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


-- As in 0016; nor is it the agents'.

CREATE OR REPLACE FUNCTION chat.desk_visitor_change(p_me chat.agent,
    p_object uuid, p_body jsonb)
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
        WHEN v.verified AND (p_body ? 'name' OR p_body ? 'email'
                             OR v_attributes ?| v.claimed)
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
                'attributes', v.attributes,
                'claimed', v.claimed))::chat.desk_result;
END
$$;


UPDATE chat.schema SET version = 25;
