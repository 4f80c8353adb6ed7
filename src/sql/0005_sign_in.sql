-- Failed sign-ins: after some of them each further attempt waits twice as
-- long.  Nobody is locked out: the wait is bounded, and an e-mail's own is
-- short, so that others cannot keep its owner away.


CREATE TABLE chat.sign_in_failure (
    site        integer         NOT NULL REFERENCES chat.site (id),
    hash        bytea           NOT NULL,
    failures    integer         NOT NULL,
    wait_until  timestamptz(3)  NOT NULL,
    last_at     timestamptz(3)  NOT NULL,
    PRIMARY KEY (site, hash)
);

CREATE INDEX sign_in_failure_last_at ON chat.sign_in_failure (last_at);


-- What an attempt is counted by: its e-mail from its address, the address,
-- the e-mail from anywhere; how many failures are free, and the longest wait
-- in seconds.  Only hashes are kept.  p_free is that of the first.

CREATE FUNCTION chat.sign_in_counts(p_site integer, p_email text,
    p_address bytea, p_free integer)
RETURNS TABLE (hash bytea, free integer, longest integer)
LANGUAGE sql STABLE AS $$
    SELECT sha256(convert_to(t.what || ' ' || p_site, 'UTF8') || '\x00'
                  || CASE WHEN t.what = 'email' THEN ''::bytea
                          ELSE coalesce(p_address, '') END
                  || CASE WHEN t.what = 'address' THEN ''::bytea
                          ELSE convert_to(lower(p_email), 'UTF8') END),
           t.free, t.longest
      FROM (VALUES ('pair', p_free, 900),
                   ('address', p_free * 4, 900),
                   ('email', p_free * 20, 10)) t (what, free, longest)
     WHERE t.what <> 'address' OR p_address IS NOT NULL
$$;


-- How long the attempt has to wait, in ms; 0: it may go on.

CREATE FUNCTION chat.sign_in_check_1(p_site integer, p_email text,
    p_address bytea, p_free integer)
RETURNS TABLE (wait bigint) LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET jit = off AS $$
BEGIN
    RETURN QUERY
    SELECT coalesce(max(greatest(0, chat.ms(f.wait_until)
                                    - chat.ms(chat.now_ms()))), 0)
      FROM chat.sign_in_counts(p_site, p_email, p_address, p_free) c
      JOIN chat.sign_in_failure f ON f.hash = c.hash AND f.site = p_site;
END
$$;


-- An hour without a failure forgets the earlier ones.  Takes a few away that
-- are older than a day.

CREATE FUNCTION chat.sign_in_failed_1(p_site integer, p_email text,
    p_address bytea, p_free integer)
RETURNS TABLE (wait bigint) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_now      timestamptz := chat.now_ms();
    v_n        integer;
    v_wait     integer;
    v_longest  integer := 0;
    c          record;
BEGIN
    DELETE FROM chat.sign_in_failure t
     WHERE (t.site, t.hash) IN (SELECT f.site, f.hash
                                  FROM chat.sign_in_failure f
                                 WHERE f.last_at < v_now - interval '1 day'
                                 ORDER BY f.last_at
                                 LIMIT 16
                                   FOR UPDATE SKIP LOCKED);

    -- in one order, so that two of them do not wait for each other

    FOR c IN SELECT s.*
               FROM chat.sign_in_counts(p_site, p_email, p_address, p_free) s
              ORDER BY s.hash
    LOOP
        INSERT INTO chat.sign_in_failure AS t (site, hash, failures,
                                               wait_until, last_at)
        VALUES (p_site, c.hash, 1, v_now, v_now)
            ON CONFLICT (site, hash) DO UPDATE
               SET failures = CASE WHEN t.last_at < v_now - interval '1 hour'
                                   THEN 1
                                   ELSE least(t.failures + 1, 1000000) END,
                   last_at = v_now
        RETURNING t.failures INTO v_n;

        v_wait := CASE WHEN v_n < c.free THEN 0
                       ELSE least(c.longest,
                                  power(2, least(v_n - c.free, 20)))::integer
                  END;

        UPDATE chat.sign_in_failure t
           SET wait_until = v_now + make_interval(secs => v_wait)
         WHERE t.site = p_site AND t.hash = c.hash AND v_wait <> 0;

        v_longest := greatest(v_longest, v_wait);
    END LOOP;

    RETURN QUERY SELECT v_longest * 1000::bigint;
END
$$;


-- Who signs in has not been guessing from there.

CREATE FUNCTION chat.sign_in_passed_1(p_site integer, p_email text,
    p_address bytea, p_free integer)
RETURNS TABLE (outcome text) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET jit = off AS $$
BEGIN
    DELETE FROM chat.sign_in_failure t
     USING chat.sign_in_counts(p_site, p_email, p_address, p_free) c
     WHERE t.site = p_site AND t.hash = c.hash AND c.free = p_free;

    RETURN QUERY SELECT 'ok';
END
$$;


UPDATE chat.schema SET version = 5;
