-- Search over all messages: a table of words beside the log, filled in the
-- background.  The append knows nothing of it.
--
-- A row is a message, or with seq 0 the visitor's name and address.  Its words
-- have the number of a segment in front of them.  A segment has some 16,000
-- messages of one site in the order of time: a search goes through segments
-- from the newest and stops when it has enough, so that neither a frequent
-- word nor another site costs more than there is to show.


CREATE TABLE chat.search (
    conversation  uuid            NOT NULL,
    seq           bigint          NOT NULL,
    at            timestamptz(3)  NOT NULL,
    words         tsvector        NOT NULL,
    PRIMARY KEY (conversation, seq)
);

CREATE INDEX search_words ON chat.search USING gin (words)
    WITH (fastupdate = off);


-- What is found while it comes in has ranks upwards from 1, what was there
-- before downwards from 0, since that is read backwards.

CREATE TABLE chat.search_segment (
    id    integer  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    site  integer  NOT NULL REFERENCES chat.site (id),
    rank  integer  NOT NULL,
    size  integer  NOT NULL
);

CREATE UNIQUE INDEX search_segment_rank ON chat.search_segment (site, rank);


-- One row.  Transactions before "up" have been read; of what was there before,
-- all from (conversation, seq) on, and all of it if that is null.

CREATE TABLE chat.search_state (
    one           boolean  PRIMARY KEY DEFAULT true CHECK (one),
    up            xid8     NOT NULL,
    conversation  uuid,
    seq           bigint
);

INSERT INTO chat.search_state (up, conversation, seq)
VALUES (pg_snapshot_xmin(pg_current_snapshot()),
        'ffffffff-ffff-ffff-ffff-ffffffffffff', 0);


-- Visitors whose name has changed.

CREATE TABLE chat.search_visitor (
    site     integer  NOT NULL,
    visitor  uuid     NOT NULL,
    PRIMARY KEY (visitor, site)
);

CREATE FUNCTION chat.search_renamed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chat.search_visitor (site, visitor)
    VALUES (new.site, new.id)
        ON CONFLICT DO NOTHING;

    RETURN NULL;
END
$$;

CREATE TRIGGER visitor_renamed AFTER UPDATE OF name, email ON chat.visitor
    FOR EACH ROW
    WHEN (old.name IS DISTINCT FROM new.name
          OR old.email IS DISTINCT FROM new.email)
    EXECUTE FUNCTION chat.search_renamed();


-- A text as words with a space between them: no case, no accents, no vowel
-- points, no tatweel, one form of alef, yeh, heh, kaf, of the Hebrew letters
-- with a final form, and of digits.  What separates words is the same in
-- every locale.

CREATE FUNCTION chat.search_text(p_text text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v  text;
BEGIN
    IF octet_length(p_text) = char_length(p_text) THEN
        RETURN btrim(regexp_replace(lower(p_text), '[^0-9a-z]+', ' ', 'g'));
    END IF;

    v := regexp_replace(lower(normalize(p_text, NFKD)),
             '[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7'
             '\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc'
             '\u06df-\u06ed\u200b-\u200f\u202a-\u202e\u2060-\u206f'
             '\ufe00-\ufe0f\ufeff]', '', 'g');

    v := translate(v,
             'ٱىةکیېےھہךםןףץ٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹',
             'ايهكيييههכמנפצ01234567890123456789');

    -- an acronym is one word

    v := regexp_replace(v, '([א-ת])["''\u05f3\u05f4](?=[א-ת])', '\1', 'g');

    RETURN btrim(regexp_replace(v,
               '[\u0001-\u002f\u003a-\u0060\u007b-\u00a9\u00ab-\u00b4'
               '\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7\u055a-\u055f\u0589'
               '\u058a\u05be\u05c0\u05c3\u05c6\u05f3\u05f4\u0600-\u060f'
               '\u061b-\u061f\u066a-\u066d\u06d4\u2000-\u206f\u20a0-\u20cf'
               '\u2190-\u23ff\u2500-\u25ff\u2e00-\u2e7f\u3000-\u303f'
               '\uff00-\uff0f]+', ' ', 'g'));
END
$$;


-- The words of a text, and those of Hebrew and Arabic also without the
-- article, conjunctions and prepositions that are written with them.

CREATE FUNCTION chat.search_words(p_text text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v_all  text[] := (string_to_array(chat.search_text(left(p_text, 16384)),
                                      ' '))[1:2000];
BEGIN
    IF octet_length(p_text) <> char_length(p_text) THEN
        v_all := v_all || ARRAY(
            SELECT substr(w, 2) FROM unnest(v_all) w
             WHERE w ~ '^[והבלכמש][א-ת]{3}'
            UNION ALL
            SELECT substr(w, 3) FROM unnest(v_all) w
             WHERE w ~ '^[ושכמ][הבלכמש][א-ת]{3}'
            UNION ALL
            SELECT regexp_replace(w, '^[وف]?(?:[بك]?ال|لل)', '')
              FROM unnest(v_all) w
             WHERE w ~ '^[وف]?(?:[بك]?ال|لل)[ء-ي]{2}');
    END IF;

    RETURN ARRAY(SELECT DISTINCT left(w, 64) FROM unnest(v_all) w
                  WHERE w <> '');
END
$$;


-- A term of a search is words with a space between them, which are found in
-- this order; a star at the end is for a word that only begins so.

CREATE FUNCTION chat.search_match(p_text text, p_terms text[])
RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_text   text := ' ' || chat.search_text(left(p_text, 16384)) || ' ';
    v_words  text[];
    v_term   text;
    v_open   boolean;
BEGIN
    FOREACH v_term IN ARRAY p_terms LOOP
        v_open := right(v_term, 1) = '*';
        v_term := rtrim(v_term, '*');

        CONTINUE WHEN strpos(v_text, ' ' || v_term
                                     || CASE WHEN v_open THEN ''
                                             ELSE ' ' END) > 0;

        -- without an article, perhaps

        IF NOT v_open OR strpos(v_term, ' ') > 0
           OR octet_length(v_term) = char_length(v_term)
        THEN
            RETURN false;
        END IF;

        v_words := coalesce(v_words, chat.search_words(p_text));

        IF NOT EXISTS (SELECT FROM unnest(v_words) w
                        WHERE starts_with(w, v_term))
        THEN
            RETURN false;
        END IF;
    END LOOP;

    RETURN true;
END
$$;


-- The words of a row, as a segment has them.

CREATE FUNCTION chat.search_row(p_segment integer, p_words text[])
RETURNS tsvector LANGUAGE sql IMMUTABLE AS $$
    SELECT array_to_tsvector(ARRAY(SELECT p_segment || ':' || w
                                     FROM unnest(p_words) w))
$$;


-- The query of the terms in some segments.

CREATE FUNCTION chat.search_query(p_segments integer[], p_terms text[])
RETURNS tsquery LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg('(' || q.words || ')', '|')::tsquery
      FROM unnest(p_segments) s (id)
     CROSS JOIN LATERAL (
           SELECT string_agg(format('''%s:%s''%s', s.id,
                                    left(rtrim(w.word, '*'), 64),
                                    CASE WHEN right(w.word, 1) = '*'
                                         THEN ':*' ELSE '' END), '&') AS words
             FROM unnest(p_terms) t (term)
            CROSS JOIN LATERAL unnest(string_to_array(t.term, ' ')) w (word)
           ) q
$$;


-- The segment for p_size more rows of a site.

CREATE FUNCTION chat.search_segment_take(p_site integer, p_up boolean,
    p_size integer)
RETURNS integer LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
DECLARE
    s  chat.search_segment;
BEGIN
    IF p_up THEN
        SELECT * INTO s FROM chat.search_segment g
         WHERE g.site = p_site AND g.rank > 0 ORDER BY g.rank DESC LIMIT 1;
    ELSE
        SELECT * INTO s FROM chat.search_segment g
         WHERE g.site = p_site AND g.rank <= 0 ORDER BY g.rank LIMIT 1;
    END IF;

    IF s.size < 16384 THEN
        UPDATE chat.search_segment g
           SET size = g.size + p_size
         WHERE g.id = s.id;

        RETURN s.id;
    END IF;

    INSERT INTO chat.search_segment (site, rank, size)
    VALUES (p_site, CASE WHEN p_up THEN coalesce(s.rank, 0) + 1
                         ELSE coalesce(s.rank, 1) - 1 END, p_size)
    RETURNING * INTO s;

    RETURN s.id;
END
$$;


-- Events whose text is looked for.

CREATE FUNCTION chat.search_has(p_type text, p_text text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT p_type IN ('message', 'response') AND p_text IS NOT NULL
$$;


-- Puts events into the table, those that are given by conversation and seq,
-- with what they say now; seq 0 is for the visitor.

CREATE FUNCTION chat.search_put(p_up boolean, p_conversations uuid[],
    p_seqs bigint[])
RETURNS integer LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_stored  integer;
BEGIN
    WITH given AS MATERIALIZED (
        SELECT DISTINCT i.conversation, i.seq
          FROM unnest(p_conversations, p_seqs) i (conversation, seq)
    ),
    said AS MATERIALIZED (
        SELECT e.site, e.conversation, e.seq, e.created_at AS at, e.text
          FROM given g
         CROSS JOIN LATERAL chat.get_event(g.conversation, g.seq) e
         WHERE chat.search_has(e.type, e.text)
        UNION ALL
        SELECT c.site, c.id, 0, c.created_at, concat_ws(' ', v.name, v.email)
          FROM given g
         CROSS JOIN LATERAL chat.get_conversation(g.conversation) c
         CROSS JOIN LATERAL chat.get_visitor(c.site, c.visitor) v
         WHERE g.seq = 0 AND c.erased_at IS NULL
           AND coalesce(v.name, v.email) IS NOT NULL
    ),
    segment AS MATERIALIZED (
        SELECT n.site,
               chat.search_segment_take(n.site, p_up, n.size) AS id
          FROM (SELECT s.site, count(*)::integer AS size
                  FROM said s
                 WHERE NOT EXISTS (SELECT FROM chat.search x
                                    WHERE x.conversation = s.conversation
                                      AND x.seq = s.seq
                                   OFFSET 0)
                 GROUP BY s.site) n
    )
    INSERT INTO chat.search (conversation, seq, at, words)
    SELECT s.conversation, s.seq, s.at,
           chat.search_row(g.id, chat.search_words(s.text))
      FROM said s
      JOIN segment g ON g.site = s.site
        ON CONFLICT (conversation, seq) DO NOTHING;

    GET DIAGNOSTICS v_stored = ROW_COUNT;

    RETURN v_stored;
END
$$;


-- Reads some p_lim events on: what has come, then what was there before.
--
-- What has come is read by transaction, up to the first that is not finished.
-- Changes of messages are events too, so that what is read here is the last
-- word on them.  A transaction with more events than that is an import, after
-- which all is read once more from the end, as it is after new_epoch().

CREATE FUNCTION chat.search_fill_1(p_lim integer)
RETURNS TABLE (filled integer, more boolean) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET enable_sort = off SET jit = off AS $$
DECLARE
    v_xmin    xid8 := pg_snapshot_xmin(pg_current_snapshot());
    v_next    xid8;
    v_read    integer;
    v_filled  integer := 0;
    v_ids     uuid[];
    v_seqs    bigint[];
    s         chat.search_state;
BEGIN
    IF NOT pg_try_advisory_xact_lock(1667785079) THEN
        RETURN QUERY SELECT 0, false;
        RETURN;
    END IF;

    SELECT * INTO s FROM chat.search_state t WHERE t.one;

    IF s.up > v_xmin THEN
        s.up := v_xmin;
        s.conversation := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
        s.seq := 0;
    END IF;

    SELECT e.xact INTO v_next
      FROM chat.event e
     WHERE e.xact >= s.up AND e.xact < v_xmin
     ORDER BY e.xact
    OFFSET p_lim LIMIT 1;

    more := FOUND;

    IF NOT FOUND THEN
        v_next := v_xmin;

    ELSIF v_next = (SELECT e.xact FROM chat.event e WHERE e.xact >= s.up
                     ORDER BY e.xact LIMIT 1)
    THEN
        s.conversation := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
        s.seq := 0;
        s.up := (v_next::text::numeric + 1)::text::xid8;
    END IF;

    -- a message that was changed, a conversation that has begun, or whose
    -- visitor is somebody else now

    SELECT array_agg(i.conversation), array_agg(i.seq), count(*)
      INTO v_ids, v_seqs, v_read
      FROM (SELECT *
              FROM chat.event t
             WHERE t.xact >= s.up AND t.xact < v_next
             ORDER BY t.xact) e
     CROSS JOIN LATERAL (
           SELECT e.conversation, CASE WHEN e.type IN ('edit', 'redaction')
                                       THEN (e.data ->> 'to')::bigint
                                       ELSE e.seq END AS seq
           UNION ALL
           SELECT e.conversation, 0
            WHERE e.seq = 1 OR e.type = 'change' AND e.data ? 'visitor') i;

    s.up := greatest(s.up, v_next);

    WITH renamed AS (
        DELETE FROM chat.search_visitor v
         WHERE v.ctid = ANY (ARRAY(SELECT t.ctid FROM chat.search_visitor t
                                    ORDER BY t.visitor, t.site LIMIT 20
                                      FOR UPDATE SKIP LOCKED))
        RETURNING v.site, v.visitor
    )
    SELECT coalesce(v_ids, '{}') || coalesce(array_agg(c.id), '{}'),
           coalesce(v_seqs, '{}') || coalesce(array_agg(0::bigint)
               FILTER (WHERE c.id IS NOT NULL), '{}')
      INTO v_ids, v_seqs
      FROM renamed r
     CROSS JOIN LATERAL (SELECT t.id FROM chat.conversation t
                          WHERE t.visitor = r.visitor
                            AND (t.site = r.site) IS TRUE
                          LIMIT 100) c;

    IF cardinality(v_ids) > 0 THEN
        DELETE FROM chat.search t
         WHERE t.ctid = ANY (ARRAY(
                   SELECT x.ctid
                     FROM unnest(v_ids, v_seqs) i (conversation, seq)
                    CROSS JOIN LATERAL (
                          SELECT r.ctid FROM chat.search r
                           WHERE r.conversation = i.conversation
                             AND r.seq = i.seq
                          OFFSET 0) x));

        v_filled := chat.search_put(true, v_ids, v_seqs);
    END IF;

    IF NOT more AND s.conversation IS NOT NULL THEN
        SELECT array_agg(e.conversation ORDER BY e.conversation DESC,
                                                 e.seq DESC),
               array_agg(e.seq ORDER BY e.conversation DESC, e.seq DESC),
               count(*)
          INTO v_ids, v_seqs, v_read
          FROM (SELECT t.conversation, t.seq
                  FROM chat.event t
                 WHERE (t.conversation, t.seq) < (s.conversation, s.seq)
                 ORDER BY t.conversation DESC, t.seq DESC
                 LIMIT p_lim) e;

        more := v_read = p_lim;
        s.conversation := CASE WHEN more THEN v_ids[v_read] END;
        s.seq := CASE WHEN more THEN v_seqs[v_read] END;

        IF v_read > 0 THEN
            v_filled := v_filled + chat.search_put(false,
                v_ids || ARRAY(SELECT i.id
                                 FROM unnest(v_ids, v_seqs) i (id, seq)
                                WHERE i.seq = 1),
                v_seqs || ARRAY(SELECT 0::bigint FROM unnest(v_seqs) n
                                 WHERE n = 1));
        END IF;
    END IF;

    UPDATE chat.search_state t
       SET up = s.up, conversation = s.conversation, seq = s.seq
     WHERE t.one AND (t.up, t.conversation, t.seq)
                     IS DISTINCT FROM (s.up, s.conversation, s.seq);

    filled := v_filled;

    RETURN NEXT;
END
$$;


-- As new_epoch in 0001: transactions are numbered anew in a restored dump.

CREATE OR REPLACE FUNCTION chat.new_epoch() RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE chat.schema SET epoch = schema.epoch + 1;

    UPDATE chat.search_state
       SET up = pg_snapshot_xmin(pg_current_snapshot()),
           conversation = 'ffffffff-ffff-ffff-ffff-ffffffffffff', seq = 0;

    RETURN (SELECT i.epoch FROM chat.schema_info_1() i);
END
$$;


-- As in 0001, with the words.

CREATE OR REPLACE FUNCTION chat.conversation_deleted() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM chat.event e WHERE e.conversation = old.id;
    DELETE FROM chat.read_mark m WHERE m.conversation = old.id;
    DELETE FROM chat.search s WHERE s.conversation = old.id;

    RETURN NULL;
END
$$;


-- Terms of what somebody typed.  A word is found by how it begins, and so is
-- the last one behind a quote that is still open.

CREATE FUNCTION chat.search_term(p_text text, p_open boolean) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT array_to_string((string_to_array(t.text, ' '))[1:16], ' ')
           || CASE WHEN p_open AND t.text <> '' THEN '*' ELSE '' END
      FROM (SELECT chat.search_text(p_text) AS text) t
$$;


-- As search_parse, with terms for words; only an empty term is one that
-- nothing has.

CREATE FUNCTION chat.search_parse_2(p_site integer, p_q text,
    f chat.list_filter)
RETURNS chat.list_filter LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_terms  text[] := '{}';
    v_rest   text := '';
    m        text[];
BEGIN
    FOR m IN SELECT regexp_matches(left(p_q, 500),
                 '((?:is|status|assignee|team|label|priority|before|after):'
                 '(?:"[^"]*"?|\S+))|"([^"]*)("?)|(\S+)', 'g')
    LOOP
        IF m[1] IS NOT NULL THEN
            v_rest := v_rest || ' ' || m[1];
        ELSE
            v_terms := v_terms || coalesce(
                chat.search_term(m[2], m[3] = ''),
                chat.search_term(m[4], true));
        END IF;
    END LOOP;

    f := chat.search_parse(p_site, v_rest, f);

    f.words := (array_remove(v_terms, ''))[1:8];

    IF cardinality(v_terms) > 0 AND cardinality(f.words) = 0 THEN
        f.words := '{""}';
    END IF;

    RETURN f;
END
$$;


-- Whether a filter lets a conversation through.

CREATE FUNCTION chat.search_passes(c chat.conversation, p_site integer,
    f chat.list_filter)
RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT c.site = p_site AND c.erased_at IS NULL
           AND (f.status IS NULL OR c.status = f.status)
           AND CASE WHEN f.assignee IS NULL THEN true
                    WHEN f.assignee = 'none' THEN c.assignee IS NULL
                    ELSE c.assignee IS NOT DISTINCT FROM f.assignee::uuid END
           AND CASE WHEN f.team IS NULL THEN true
                    WHEN f.team = 'none' THEN c.team IS NULL
                    ELSE c.team IS NOT DISTINCT FROM f.team::uuid END
           AND (f.label IS NULL OR f.label = ANY (c.labels))
           AND (f.priority IS NULL
                OR c.priority = chat.priority_number(f.priority))
           AND (f.before IS NULL OR c.active_at < f.before)
           AND (f.after IS NULL OR c.active_at >= f.after)
$$;


-- Conversations in which a message, a note or the visitor's name has all of
-- the terms, and which the filter lets through: those of the newest 1,000
-- that do, of at most 10,000 messages looked at, or 2,000 if words have to be
-- in order.  What is not in the table yet is read as it is, the newest 1,000.

CREATE FUNCTION chat.search_hits(p_site integer, f chat.list_filter)
RETURNS TABLE (conversation uuid, seq bigint) LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    v_order     boolean := EXISTS (SELECT FROM unnest(f.words) w
                                    WHERE strpos(w, ' ') > 0);
    v_left      integer := CASE WHEN v_order THEN 2000 ELSE 10000 END;
    v_rank      integer := 2147483647;
    v_take      integer := 1;
    v_segments  integer[];
    v_ids       uuid[];
    v_seqs      bigint[];
    v_ats       timestamptz[];
    v_all_ids   uuid[];
    v_all_seqs  bigint[];
    v_all_ats   timestamptz[];
    v_query     tsquery;
BEGIN
    SELECT array_agg(e.conversation), array_agg(e.seq),
           array_agg(e.created_at)
      INTO v_all_ids, v_all_seqs, v_all_ats
      FROM (SELECT t.conversation, t.seq, t.created_at, t.text
              FROM (SELECT *
                      FROM chat.event x
                     WHERE x.xact >= (SELECT s.up FROM chat.search_state s
                                       WHERE s.one)
                     ORDER BY x.xact DESC
                     LIMIT 10000) t
             WHERE t.site = p_site AND chat.search_has(t.type, t.text)
             LIMIT 1000) e
      JOIN chat.get_conversation(e.conversation) c
        ON chat.search_passes(c, p_site, f)
     WHERE chat.search_match(e.text, f.words);

    WHILE v_left > 0 AND coalesce(cardinality(v_all_ids), 0) < 1000 LOOP
        SELECT array_agg(g.id), min(g.rank) INTO v_segments, v_rank
          FROM (SELECT t.id, t.rank
                  FROM chat.search_segment t
                 WHERE t.site = p_site AND t.rank < v_rank
                 ORDER BY t.rank DESC
                 LIMIT v_take) g;

        EXIT WHEN v_rank IS NULL;

        v_take := least(2 * v_take, 64);
        v_query := chat.search_query(v_segments, f.words);

        SELECT array_agg(h.conversation), array_agg(h.seq), array_agg(h.at)
          INTO v_ids, v_seqs, v_ats
          FROM (SELECT s.conversation, s.seq, s.at
                  FROM chat.search s
                 WHERE s.words @@ v_query
                 ORDER BY s.at DESC
                 LIMIT v_left) h;

        CONTINUE WHEN v_ids IS NULL;

        v_left := v_left - cardinality(v_ids);

        SELECT v_all_ids || array_agg(h.conversation),
               v_all_seqs || array_agg(h.seq), v_all_ats || array_agg(h.at)
          INTO v_all_ids, v_all_seqs, v_all_ats
          FROM (SELECT DISTINCT ON (u.conversation) u.*
                  FROM unnest(v_ids, v_seqs, v_ats)
                       u (conversation, seq, at)
                  LEFT JOIN chat.get_event(u.conversation, CASE
                                WHEN v_order THEN u.seq END) e ON true
                 WHERE NOT v_order OR u.seq = 0
                    OR chat.search_match(e.text, f.words)
                 ORDER BY u.conversation, u.at DESC) h
          JOIN chat.get_conversation(h.conversation) c
            ON chat.search_passes(c, p_site, f);
    END LOOP;

    RETURN QUERY
    SELECT DISTINCT ON (u.conversation) u.conversation, u.seq
      FROM unnest(v_all_ids, v_all_seqs, v_all_ats) u (conversation, seq, at)
     ORDER BY u.conversation, u.seq = 0, u.at DESC;
END
$$;


-- As agent_list_2, of what a search has found; seq is the message, 0 the
-- visitor's name.

CREATE FUNCTION chat.agent_search(p_site integer, f chat.list_filter,
    p_order text, p_lim integer, p_before text)
RETURNS TABLE (id uuid, key bigint, seq bigint) LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    v_key   bigint := split_part(p_before, '_', 1)::bigint;
    v_id    uuid := split_part(p_before, '_', 2)::uuid;
    v_sign  integer := CASE WHEN p_order = 'waiting' THEN 1 ELSE -1 END;
BEGIN
    RETURN QUERY
    SELECT l.conversation, l.key, l.seq
      FROM (SELECT h.conversation, h.seq, CASE p_order
                   WHEN 'waiting' THEN chat.ms(c.waiting_since)
                   WHEN 'priority' THEN (c.priority + 1) * 10000000000000
                                        + chat.ms(c.active_at)
                   ELSE chat.ms(c.active_at) END AS key
              FROM chat.search_hits(p_site, f) h
             CROSS JOIN LATERAL chat.get_conversation(h.conversation) c) l
     WHERE l.key IS NOT NULL
       AND (p_before IS NULL
            OR CASE v_sign WHEN 1 THEN (l.key, l.conversation) > (v_key, v_id)
                           ELSE (l.key, l.conversation) < (v_key, v_id) END)
     ORDER BY v_sign * l.key,
              CASE v_sign WHEN 1 THEN l.conversation END,
              l.conversation DESC
     LIMIT p_lim;
END
$$;


-- What was found, to be shown: some of the message around the first term.

CREATE FUNCTION chat.search_shown(p_conversation uuid, p_seq bigint,
    p_term text)
RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'seq', e.seq,
               'visibility', CASE WHEN e.internal THEN 'internal'
                                  ELSE 'public' END,
               'text', substr(e.text, greatest(1,
                           strpos(lower(e.text),
                                  split_part(rtrim(p_term, '*'), ' ', 1))
                           - 60), 200),
               'created_at', chat.rfc3339(e.created_at))
      FROM chat.get_event(p_conversation, p_seq) e
     WHERE e.text IS NOT NULL
$$;


-- As conversations_agent_2, where each conversation that was found has a
-- "match", which is null if it is the visitor's name.

CREATE FUNCTION chat.conversations_agent_3(p_site integer, p_kind text,
    p_id uuid, p_issued bigint, p_session uuid, p_status text,
    p_assignee text, p_team text, p_label text, p_q text, p_order text,
    p_lim integer, p_before text, p_epoch text)
RETURNS TABLE (outcome text, body text) LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
DECLARE
    v_lim    integer := least(greatest(p_lim, 1), 200);
    v_order  text := coalesce(p_order, 'newest');
    v_ids    uuid[];
    v_keys   bigint[];
    v_seqs   bigint[];
    v_more   boolean;
    v_error  text;
    v_list   json;
    f        chat.list_filter;
BEGIN
    f.status := p_status;
    f.assignee := p_assignee;
    f.team := p_team;
    f.label := p_label;

    IF p_q <> '' THEN
        f := chat.search_parse_2(p_site, p_q, f);
    END IF;

    v_error := CASE
        WHEN p_kind <> 'agent'
             OR NOT EXISTS (SELECT 1 FROM chat.actor(p_site, p_kind, p_id,
                                                     p_issued, p_session))
        THEN 'unauthenticated'
        WHEN p_before <> '' AND NOT chat.is_page(p_before)
        THEN 'invalid:before'
        WHEN v_order NOT IN ('newest', 'waiting', 'priority')
        THEN 'invalid:order'
        ELSE chat.filter_error_2(f) END;

    IF v_error IS NOT NULL THEN
        RETURN QUERY SELECT v_error, NULL::text;
        RETURN;
    END IF;

    IF f.assignee = 'me' THEN
        f.assignee := p_id::text;
    END IF;

    IF cardinality(f.words) > 0 THEN
        IF f.words <> '{""}' THEN
            SELECT array_agg(l.id), array_agg(l.key), array_agg(l.seq)
              INTO v_ids, v_keys, v_seqs
              FROM chat.agent_search(p_site, f, v_order, v_lim + 1,
                                     nullif(p_before, '')) l;
        END IF;
    ELSE
        SELECT array_agg(l.id), array_agg(l.key) INTO v_ids, v_keys
          FROM chat.agent_list_2(p_site, f, v_order, v_lim + 1,
                                 nullif(p_before, '')) l;
    END IF;

    v_more := coalesce(cardinality(v_ids), 0) > v_lim;
    v_list := chat.summaries_agent(coalesce(v_ids[1:v_lim], '{}'), p_id,
                                   p_epoch);

    IF v_seqs IS NOT NULL THEN
        SELECT json_agg(l.body::jsonb || jsonb_build_object('match',
                            chat.search_shown((l.body ->> 'id')::uuid,
                                              v_seqs[l.n], f.words[1]))
                        ORDER BY l.n)
          INTO v_list
          FROM json_array_elements(v_list) WITH ORDINALITY l (body, n);
    END IF;

    RETURN QUERY
    SELECT 'ok', json_build_object(
               'conversations', v_list,
               'more', v_more,
               'page', CASE WHEN v_more
                            THEN v_keys[v_lim] || '_' || v_ids[v_lim] END
               )::text;
END
$$;


UPDATE chat.schema SET version = 17;
