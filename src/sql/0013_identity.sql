-- Who a visitor is, by the site's word; and what the page tells of him.


-- Keys by which sites sign whom they have identified.  A key has one
-- algorithm, whatever a token says.

CREATE TABLE chat.identity_key (
    site        integer         NOT NULL REFERENCES chat.site (id),
    kid         text            COLLATE "C" NOT NULL
                                CHECK (kid ~ '^[A-Za-z0-9._-]{1,64}$'),
    alg         text            COLLATE "C" NOT NULL
                                CHECK (alg IN ('HS256', 'ES256')),
    key         text            NOT NULL
                                CHECK (CASE alg WHEN 'HS256'
                                       THEN octet_length(key)
                                            BETWEEN 32 AND 1024
                                       ELSE key LIKE
                                            '-----BEGIN PUBLIC KEY-----%'
                                            AND length(key) < 1024 END),
    created_at  timestamptz(3)  NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (site, kid)
);


-- For operators and seeds; a key that is null goes away.

CREATE FUNCTION chat.identity_key_put_1(p_site_name text, p_kid text,
    p_alg text, p_key text)
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_site  integer := chat.site_put_1(p_site_name);
BEGIN
    DELETE FROM chat.identity_key k WHERE k.site = v_site AND k.kid = p_kid;

    IF p_key IS NOT NULL THEN
        INSERT INTO chat.identity_key (site, kid, alg, key)
        VALUES (v_site, p_kid, p_alg, p_key);
    END IF;
END
$$;

CREATE FUNCTION chat.identity_keys_1(p_site integer)
RETURNS TABLE (kid text, alg text, key text) LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_bitmapscan = off SET jit = off AS $$
BEGIN
    RETURN QUERY
    SELECT k.kid, k.alg, k.key
      FROM chat.identity_key k
     WHERE k.site = p_site
     ORDER BY k.kid
     LIMIT 16;
END
$$;


-- What the page tells of a visitor, for 30 days, the last 1,000.

CREATE TABLE chat.track (
    id          bigint          PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    site        integer         NOT NULL,
    visitor     uuid            NOT NULL,
    name        text            NOT NULL,
    data        jsonb,
    url         text,
    at          timestamptz(3)  NOT NULL,
    created_at  timestamptz(3)  NOT NULL,
    FOREIGN KEY (site, visitor) REFERENCES chat.visitor (site, id)
                                ON DELETE CASCADE
);

CREATE INDEX track_visitor ON chat.track (visitor, id, site);
CREATE INDEX track_created_at ON chat.track (created_at);

CREATE FUNCTION chat.track_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid, p_events text)
RETURNS TABLE (outcome text) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_now     timestamptz := chat.now_ms();
    v_events  jsonb := p_events;
BEGIN
    IF p_kind <> 'visitor'
       OR NOT EXISTS (SELECT 1 FROM chat.actor(p_site, p_kind, p_id,
                                               p_issued, p_session))
    THEN
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
     WHERE id = ANY (ARRAY(SELECT t.id
                             FROM chat.track t
                            WHERE t.created_at < v_now - interval '30 days'
                            ORDER BY t.created_at
                            LIMIT 50
                              FOR UPDATE SKIP LOCKED));
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


-- What an anonymous visitor has said becomes that of p_to, whom the site has
-- identified in the same browser.  The caller holds the lock of both rows.
-- Nobody can write to the conversations meanwhile, and the tokens of before
-- are no good any more: whoever else has one reads nothing of it.

CREATE FUNCTION chat.visitor_merge(p_from chat.visitor, p_to chat.visitor)
RETURNS void LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_now  timestamptz := chat.now_ms();
    v_ids  uuid[];
BEGIN
    SELECT array_agg(c.id) INTO v_ids
      FROM (SELECT t.id
              FROM chat.conversation t
             WHERE t.visitor = p_from.id AND (t.site = p_from.site) IS TRUE
             ORDER BY t.id
               FOR NO KEY UPDATE) c;

    UPDATE chat.conversation c
       SET visitor = p_to.id, version = c.version + 1,
           last_seq = c.last_seq + 1,
           client_msg_id = CASE WHEN EXISTS (
                   SELECT 1 FROM chat.conversation d
                    WHERE d.visitor = p_to.id
                      AND d.client_msg_id = c.client_msg_id
                      AND (d.site = p_to.site) IS TRUE)
               THEN 'merged:' || c.id ELSE c.client_msg_id END
     WHERE c.id = ANY (v_ids);

    UPDATE chat.event e
       SET sender_id = p_to.id
     WHERE e.conversation = ANY (v_ids)
       AND (e.sender_id = p_from.id) IS TRUE;

    UPDATE chat.read_mark m
       SET reader = p_to.id
     WHERE m.conversation = ANY (v_ids) AND m.kind = 'visitor'
       AND m.reader = p_from.id;

    INSERT INTO chat.event (site, conversation, seq, id, type, internal,
        sender_kind, pub, vis, data, created_at)
    SELECT c.site, c.id, c.last_seq, gen_random_uuid(), 'change', true,
           'system', c.pub, c.vis,
           jsonb_build_object('visitor', json_build_object(
               'id', p_to.id, 'name', p_to.name, 'verified', true)), v_now
      FROM unnest(v_ids) i (id)
      JOIN chat.get_conversation(i.id) c ON true;

    INSERT INTO chat.consent (visitor, site, version, locale, created_at)
    SELECT p_to.id, c.site, c.version, c.locale, c.created_at
      FROM chat.get_consent(p_from.id, p_from.site) c
        ON CONFLICT (visitor, site, version) DO NOTHING;

    UPDATE chat.track t
       SET visitor = p_to.id
     WHERE t.visitor = p_from.id AND (t.site = p_from.site) IS TRUE;

    UPDATE chat.visitor v
       SET merged_into = p_to.id, valid_from = 9223372036854775807
     WHERE v.id = p_from.id AND (v.site = p_from.site) IS TRUE;
END
$$;


-- As session_start_2.  p_external is what the site calls the visitor, once it
-- is proven; p_outside: the location is told by the site who a visitor is, so
-- that without it somebody identified is signed out.

CREATE FUNCTION chat.session_start_3(p_site integer, p_visitor uuid,
    p_issued bigint, p_fresh uuid, p_locale text, p_page text, p_epoch text,
    p_external text, p_name text, p_email text, p_attributes text,
    p_outside boolean)
RETURNS TABLE (outcome text, visitor uuid, issued bigint, body text)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
DECLARE
    v_now         timestamptz := chat.now_ms();
    v_attributes  jsonb := coalesce(p_attributes, '{}');
    v_error       text;
    v_before      chat.visitor;
    v             chat.visitor;
BEGIN
    SELECT * INTO v_before
      FROM chat.get_visitor(p_site, p_visitor) t
     WHERE t.valid_from <= p_issued
       AND t.blocked_at IS NULL AND t.erased_at IS NULL;

    IF p_external IS NULL THEN
        IF p_outside AND v_before.external_id IS NOT NULL THEN
            p_visitor := NULL;
        END IF;

        RETURN QUERY
        SELECT * FROM chat.session_start_2(p_site, p_visitor, p_issued,
            p_fresh, p_locale, p_page, p_epoch);
        RETURN;
    END IF;

    v_error := CASE
        WHEN NOT chat.is_line(to_jsonb(p_external), 255) THEN 'sub'
        WHEN NOT chat.is_line(to_jsonb(p_name), 100) THEN 'name'
        WHEN NOT chat.is_mailbox(p_email) THEN 'email'
        ELSE chat.attributes_error(v_attributes) END;

    IF v_error IS NOT NULL THEN
        RETURN QUERY SELECT 'invalid:identity.' || v_error, NULL::uuid,
            NULL::bigint, NULL::text;
        RETURN;
    END IF;

    INSERT INTO chat.visitor (site, id, external_id, verified, valid_from,
                              created_at)
    VALUES (p_site, p_fresh, p_external, true, chat.ms(v_now), v_now)
        ON CONFLICT (external_id, site) WHERE external_id IS NOT NULL
        DO NOTHING;

    SELECT * INTO v
      FROM chat.visitor t
     WHERE t.external_id = p_external AND (t.site = p_site) IS TRUE
       FOR UPDATE;

    IF v.blocked_at IS NOT NULL OR v.erased_at IS NOT NULL THEN
        RETURN QUERY SELECT 'forbidden', NULL::uuid, NULL::bigint,
            NULL::text;
        RETURN;
    END IF;

    UPDATE chat.visitor t
       SET verified = true,
           name = coalesce(p_name, t.name),
           email = coalesce(p_email, t.email),
           attributes = jsonb_strip_nulls(t.attributes || v_attributes),
           locale = coalesce(p_locale, t.locale),
           page = coalesce(p_page, t.page)
     WHERE t.id = v.id AND (t.site = p_site) IS TRUE
    RETURNING * INTO v;

    IF v_before.external_id IS NULL AND v_before.id <> v.id THEN
        SELECT * INTO v_before
          FROM chat.visitor t
         WHERE t.id = p_visitor AND (t.site = p_site) IS TRUE
           AND t.valid_from <= p_issued
           FOR UPDATE;

        IF FOUND THEN
            PERFORM chat.visitor_merge(v_before, v);
        END IF;
    END IF;

    RETURN QUERY
    SELECT CASE v.id WHEN p_fresh THEN 'created' ELSE 'ok' END, v.id,
           greatest(chat.ms(v_now), v.valid_from),
           chat.session_body(v, p_epoch);
END
$$;


UPDATE chat.schema SET version = 13;
