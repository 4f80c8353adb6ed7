-- Assignment: conversations find their agents, those whom nobody can take yet
-- stand in a line, and agents who are not there are away by themselves.


CREATE FUNCTION chat.is_seconds(p jsonb, p_least integer, p_most integer)
RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_typeof(p) = 'number'
                THEN p #>> '{}' ~ '^[0-9]{1,9}$'
                     AND (p #>> '{}')::numeric BETWEEN p_least AND p_most
                ELSE false END
$$;


-- As in 0015, with assignment.

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
                   'away', 'consent', 'one_conversation', 'assignment'),
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
        THEN 'assignment.away_after' END);
END
$$;


CREATE OR REPLACE FUNCTION chat.site_json(s chat.site) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('title', NULL, 'locale', s.locale,
                              'theme', s.theme, 'prechat', NULL,
                              'away', NULL, 'consent', NULL,
                              'one_conversation', false,
                              'assignment', NULL)
           || s.settings
           || jsonb_build_object('name', s.name, 'version', s.version)
$$;


-- As in 0008; what is the desk's own is not for visitors.

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
                           || (s.settings - 'assignment'),
                   'availability', chat.availability(v.site),
                   'conversations',
                   chat.visitor_list(v.site, v.id, 20, NULL, p_epoch)
                       -> 'conversations')::text
          FROM chat.site s
         WHERE s.id = v.site);
END
$$;


-- idle: the agent's console says that nobody is at it.  It comes and goes
-- with the streams: who has been without any begins anew.

ALTER TABLE chat.agent_seen ADD COLUMN idle boolean NOT NULL DEFAULT false;

ALTER TABLE chat.agent ADD COLUMN routed_at timestamptz;

ALTER TABLE chat.team
    ADD COLUMN assignment text COLLATE "C"
               CHECK (assignment IN ('manual', 'round_robin',
                                     'least_loaded'));

-- routed: to whom it was given by assign(), not by a person

ALTER TABLE chat.conversation ADD COLUMN routed uuid;


-- After how long without a stream an agent is away.

CREATE FUNCTION chat.away_after(p_site integer) RETURNS interval
LANGUAGE sql STABLE AS $$
    SELECT make_interval(secs => coalesce(
               (s.settings -> 'assignment' ->> 'away_after')::integer, 60))
      FROM chat.site s
     WHERE s.id = p_site
$$;


-- Whether an agent is at a console, whatever the availability.

CREATE FUNCTION chat.is_here(p_site integer, p_agent uuid) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM chat.agent_seen s
                    WHERE s.agent = p_agent AND (s.site = p_site) IS TRUE
                      AND NOT s.idle
                      AND s.seen_at > now() - chat.away_after(p_site))
$$;


-- As in 0008.

CREATE OR REPLACE FUNCTION chat.agents_seen_1(p_who text)
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
        ON CONFLICT (agent, site) DO UPDATE
       SET seen_at = excluded.seen_at,
           idle = t.idle
                  AND t.seen_at > excluded.seen_at - interval '30 s';

    DELETE FROM chat.agent_seen
     WHERE ctid = ANY (ARRAY(SELECT t.ctid
                               FROM chat.agent_seen t
                              WHERE t.seen_at < now() - interval '1 hour'
                              LIMIT 16
                                FOR UPDATE SKIP LOCKED));

    RETURN QUERY SELECT 'ok';
END
$$;


-- As in 0008: an agent who is away, or whose console is idle, does not count.

CREATE OR REPLACE FUNCTION chat.availability(p_site integer) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN EXISTS (SELECT 1
                               FROM chat.agent_seen s
                               JOIN chat.get_agent(s.site, s.agent) a
                                 ON a.availability <> 'away'
                              WHERE (s.site = p_site) IS TRUE
                                AND NOT s.idle
                                AND s.seen_at > now() - interval '30 s')
                THEN 'online' ELSE 'away' END
$$;


-- Whether the agent has a way to sign in; an invited one has none yet.

CREATE FUNCTION chat.can_sign_in(a chat.agent) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT a.password <> ''
$$;


-- As in 0009.  availability is what was chosen; automatic is "away" while the
-- agent is not at a console, and null when what was chosen holds.

CREATE OR REPLACE FUNCTION chat.agent_json(a chat.agent, p_full boolean)
RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
               'id', a.id, 'name', a.name, 'role', a.role,
               'availability', a.availability,
               'automatic', CASE WHEN a.availability <> 'away'
                                      AND NOT chat.is_here(a.site, a.id)
                                 THEN 'away' END,
               'capacity', a.capacity,
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
                                           'invited', NOT chat.can_sign_in(a))
                   ELSE '{}' END
$$;


-- As in 0009; assignment null is the site's.

CREATE OR REPLACE FUNCTION chat.team_json(t chat.team) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
               'id', t.id, 'name', t.name, 'assignment', t.assignment,
               'members', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                               'id', a.id, 'name', a.name)
                                               ORDER BY a.name, a.id), '[]')
                             FROM chat.team_member m
                             JOIN chat.agent a
                               ON a.id = m.agent AND a.site = m.site
                            WHERE m.team = t.id AND m.site = t.site))
$$;


-- As in 0009.  p_object null: a new team.

CREATE OR REPLACE FUNCTION chat.desk_team_put(p_me chat.agent, p_object uuid,
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
            INSERT INTO chat.team (site, id, name, assignment)
            VALUES (p_me.site, p_fresh, btrim(p_body ->> 'name'),
                    p_body ->> 'assignment')
            RETURNING * INTO t;

        ELSE
            UPDATE chat.team u
               SET name = coalesce(btrim(p_body ->> 'name'), u.name),
                   assignment = CASE WHEN p_body ? 'assignment'
                                     THEN p_body ->> 'assignment'
                                     ELSE u.assignment END
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


-- As in 0016.  One's own availability, and whether one is idle; for
-- supervisors everybody's availability, capacity and teams; for
-- administrators all of it.

CREATE OR REPLACE FUNCTION chat.desk_agent_change(p_me chat.agent,
    p_object uuid, p_body jsonb)
RETURNS chat.desk_result LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_may    text[] := CASE chat.rank(p_me.role)
        WHEN 3 THEN '{availability,idle,capacity,teams,name,email,role,
                   disabled}'
        WHEN 2 THEN '{availability,idle,capacity,teams}'
        ELSE CASE WHEN p_object = p_me.id THEN '{availability,idle}'
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
    ELSIF p_body - v_may <> '{}' OR v_may = '{}'
          OR p_body ? 'idle' AND p_object <> p_me.id
    THEN
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

    IF a.role = 'admin' AND a.disabled_at IS NULL AND chat.can_sign_in(a)
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

    IF p_body ? 'idle' THEN
        INSERT INTO chat.agent_seen AS t (site, agent, seen_at, idle)
        VALUES (a.site, a.id, chat.now_ms(), p_body -> 'idle' = 'true')
            ON CONFLICT (agent, site) DO UPDATE SET idle = excluded.idle;
    END IF;

    -- else they would be back as soon as the agent is

    IF v_off IS NOT NULL THEN
        PERFORM chat.sessions_end(a.site, a.id, NULL);
    END IF;

    IF p_body - '{availability,idle}'::text[] <> '{}' OR a.id <> p_me.id THEN
        PERFORM chat.audit_put(a.site, p_me.id, 'agent_change', a.id,
                               p_body);
    END IF;

    RETURN ROW ('ok', chat.agent_json(a, chat.rank(p_me.role) >= 2
                                     OR a.id = p_me.id))::chat.desk_result;
END
$$;


-- What waits for an agent to be found, and how that is done.

CREATE VIEW chat.waiting AS
SELECT c.id, c.site, c.team, c.priority, c.waiting_since,
       coalesce(t.assignment, s.policy) AS policy
  FROM (SELECT s.id, coalesce(s.settings -> 'assignment' ->> 'policy',
                              'manual') AS policy
          FROM chat.site s) s
  JOIN chat.conversation c
    ON c.site = s.id AND c.assignee IS NULL AND c.status = 'open'
   AND c.waiting_since IS NOT NULL AND c.erased_at IS NULL
  LEFT JOIN chat.team t ON t.id = c.team AND t.site = c.site
 WHERE (s.policy <> 'manual'
        OR EXISTS (SELECT FROM chat.team u
                    WHERE u.site = s.id AND u.assignment <> 'manual'))
   AND coalesce(t.assignment, s.policy) <> 'manual';


-- Gives a conversation, whose row the caller has locked, to an agent, or with
-- null back to the queue.

CREATE FUNCTION chat.assign(p_conversation uuid, p_agent uuid)
RETURNS void LANGUAGE sql VOLATILE AS $$
    UPDATE chat.agent a
       SET routed_at = clock_timestamp()
      FROM chat.get_conversation(p_conversation) c
     WHERE a.id = p_agent AND (a.site = c.site) IS TRUE;

    WITH moved AS (
        UPDATE chat.conversation c
           SET assignee = p_agent, routed = p_agent,
               version = c.version + 1, last_seq = c.last_seq + 1
         WHERE c.id = p_conversation
        RETURNING c.*
    )
    INSERT INTO chat.event (site, conversation, seq, id, type, internal,
        sender_kind, pub, vis, data, created_at)
    SELECT m.site, m.id, m.last_seq, gen_random_uuid(), 'assignment', true,
           'system', m.pub, m.vis,
           jsonb_build_object('assignee', (
               SELECT chat.person(a.id, a.name)
                 FROM chat.get_agent(m.site, p_agent) a)),
           chat.now_ms()
      FROM moved m
$$;


-- Who can take one more: agents who have chosen to be online and are there,
-- of the team if there is one, with how many they still have room for.

CREATE FUNCTION chat.takers(p_site integer, p_team uuid)
RETURNS TABLE (agent uuid, load bigint, room bigint, routed_at timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT a.id, l.n, coalesce(a.capacity, 1000) - l.n, a.routed_at
      FROM chat.agent_seen s
      JOIN chat.agent a ON a.id = s.agent AND a.site = s.site
     CROSS JOIN LATERAL (
           SELECT count(*) AS n
             FROM chat.conversation c
            WHERE c.site = a.site AND c.assignee = a.id
              AND c.status = 'open') l
     WHERE (s.site = p_site) IS TRUE AND NOT s.idle
       AND s.seen_at > now() - chat.away_after(p_site)
       AND a.availability = 'online' AND a.disabled_at IS NULL
       AND l.n < coalesce(a.capacity, 1000)
       AND (p_team IS NULL
            OR EXISTS (SELECT FROM chat.team_member m
                        WHERE m.team = p_team AND m.agent = a.id))
$$;


-- Whose turn it is: the one whom the visitor had last, else by the policy.

CREATE FUNCTION chat.taker(p_site integer, p_team uuid, p_policy text,
    p_conversation uuid)
RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT t.agent
      FROM chat.takers(p_site, p_team) t
     ORDER BY t.agent IS NOT DISTINCT FROM (
                  SELECT d.assignee
                    FROM chat.get_conversation(p_conversation) c
                    JOIN chat.conversation d
                      ON d.visitor = c.visitor
                     AND (d.site = c.site) IS TRUE
                   WHERE d.assignee IS NOT NULL AND d.id <> c.id
                   ORDER BY d.public_at DESC
                   LIMIT 1) DESC,
              CASE p_policy WHEN 'least_loaded' THEN t.load END,
              t.routed_at NULLS FIRST, t.agent
     LIMIT 1
$$;


-- One row: since when ticks have not been interrupted.  A crash forgets it, as
-- it forgets who is there.

CREATE UNLOGGED TABLE chat.tick_state (
    one    boolean      PRIMARY KEY DEFAULT true CHECK (one),
    since  timestamptz  NOT NULL,
    last   timestamptz  NOT NULL
);


-- Back to the queue: what waits for the answer of an agent who is not there,
-- or who has gone away and has not taken it himself.  Nobody is absent before
-- there was time to say otherwise.

CREATE FUNCTION chat.unassign_absent() RETURNS void
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_since  timestamptz;
    c        record;
BEGIN
    INSERT INTO chat.tick_state AS t (since, last)
    VALUES (now(), now())
        ON CONFLICT (one) DO UPDATE
       SET since = CASE WHEN t.last < now() - interval '10 s' THEN now()
                        ELSE t.since END,
           last = now()
    RETURNING t.since INTO v_since;

    FOR c IN SELECT t.id
               FROM (SELECT s.id AS site,
                            coalesce(s.settings -> 'assignment' ->> 'policy',
                                     'manual') AS policy
                       FROM chat.site s) s
               JOIN chat.agent a
                 ON a.site = s.site AND NOT a.machine
                AND (a.availability = 'away'
                     OR v_since < now() - chat.away_after(a.site)
                        AND NOT chat.is_here(a.site, a.id))
               JOIN chat.conversation t
                 ON t.site = a.site AND t.assignee = a.id
                AND t.status = 'open'
               LEFT JOIN chat.team m ON m.id = t.team AND m.site = t.site
              WHERE (s.policy <> 'manual'
                     OR EXISTS (SELECT FROM chat.team u
                                 WHERE u.site = s.site
                                   AND u.assignment <> 'manual'))
                AND coalesce(m.assignment, s.policy) <> 'manual'
                AND t.waiting_since IS NOT NULL AND t.erased_at IS NULL
                AND (t.routed = a.id
                     OR v_since < now() - chat.away_after(a.site)
                        AND NOT chat.is_here(a.site, a.id))
              LIMIT 50
                FOR NO KEY UPDATE OF t SKIP LOCKED
    LOOP
        PERFORM chat.assign(c.id, NULL);
    END LOOP;
END
$$;


-- No more rows are locked than there is room for, so that nobody's message
-- waits for what cannot be assigned anyway; and no more in one tick than take
-- half a second, of those who have waited longest first.

CREATE FUNCTION chat.assign_waiting() RETURNS void
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_until  timestamptz := clock_timestamp() + interval '500 ms';
    v_left   bigint := 50;
    v_room   bigint;
    v_agent  uuid;
    g        record;
    c        record;
BEGIN
    FOR g IN SELECT w.site, w.team, w.policy
               FROM chat.waiting w
              GROUP BY w.site, w.team, w.policy
              ORDER BY min(w.waiting_since)
    LOOP
        EXIT WHEN v_left = 0 OR clock_timestamp() > v_until;

        SELECT least(coalesce(sum(t.room), 0), v_left) INTO v_room
          FROM chat.takers(g.site, g.team) t;

        CONTINUE WHEN v_room = 0;

        FOR c IN SELECT t.id
                   FROM chat.conversation t
                  WHERE t.site = g.site AND t.assignee IS NULL
                    AND t.status = 'open' AND t.waiting_since IS NOT NULL
                    AND t.erased_at IS NULL
                    AND (t.team IS NOT DISTINCT FROM g.team) IS TRUE
                  ORDER BY t.priority DESC, t.waiting_since, t.id
                  LIMIT v_room
                    FOR NO KEY UPDATE SKIP LOCKED
        LOOP
            v_agent := chat.taker(g.site, g.team, g.policy, c.id);

            EXIT WHEN v_agent IS NULL;

            PERFORM chat.assign(c.id, v_agent);

            v_left := v_left - 1;

            EXIT WHEN clock_timestamp() > v_until;
        END LOOP;
    END LOOP;
END
$$;


-- Who waits at which place of the line of a site and team, as tick_2() has
-- last seen it; the first 1,000.  wait: seconds, or null for unknown.

CREATE UNLOGGED TABLE chat.queue (
    conversation  uuid            PRIMARY KEY,
    site          integer         NOT NULL REFERENCES chat.site (id),
    team          uuid,
    place         integer         NOT NULL,
    wait          integer,
    first_place   integer         NOT NULL,
    entered_at    timestamptz(3)  NOT NULL
);


-- How long those have waited who stood in a line and were assigned: from
-- which place, for how many seconds.  Kept for a day.

CREATE TABLE chat.queue_past (
    id      bigint          PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    site    integer         NOT NULL REFERENCES chat.site (id),
    team    uuid,
    place   integer         NOT NULL,
    waited  real            NOT NULL,
    at      timestamptz(3)  NOT NULL
);

CREATE INDEX queue_past_at ON chat.queue_past (at);
CREATE INDEX queue_past_site ON chat.queue_past (site, id);


-- Seconds for each place: the median of the last 20 of the last hour, of 3 at
-- the least.

CREATE FUNCTION chat.queue_pace(p_site integer, p_team uuid)
RETURNS double precision LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN count(*) >= 3
                THEN percentile_cont(0.5) WITHIN GROUP (
                         ORDER BY p.waited / p.place) END
      FROM (SELECT q.waited, q.place
              FROM chat.queue_past q
             WHERE q.site = p_site
               AND (q.team IS NOT DISTINCT FROM p_team) IS TRUE
               AND (q.at > now() - interval '1 hour') IS TRUE
             ORDER BY q.id DESC
             LIMIT 20) p
$$;


CREATE FUNCTION chat.queue_event(p_conversation uuid, p_place integer,
    p_wait integer)
RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT json_build_object('type', 'queue', 'conversation', p_conversation,
                             'position', p_place, 'wait', p_wait)::text
$$;


-- Makes the line what it is now; returns what has changed, as the event that
-- tells of it.

CREATE FUNCTION chat.queue_move()
RETURNS TABLE (of_site integer, of_conversation uuid, event text)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_now  timestamptz := chat.now_ms();
BEGIN
    DELETE FROM chat.queue_past
     WHERE id = ANY (ARRAY(SELECT p.id
                             FROM chat.queue_past p
                            WHERE p.at < v_now - interval '1 day'
                            ORDER BY p.at
                            LIMIT 100));

    RETURN QUERY
    WITH line AS MATERIALIZED (
        SELECT *
          FROM (SELECT w.id, w.site, w.team,
                       row_number() OVER (PARTITION BY w.site, w.team
                                          ORDER BY w.priority DESC,
                                                   w.waiting_since, w.id)
                           ::integer AS place
                  FROM chat.waiting w) n
         WHERE n.place <= 1000
    ),
    pace AS MATERIALIZED (
        SELECT l.site, l.team, chat.queue_pace(l.site, l.team) AS pace
          FROM (SELECT DISTINCT n.site, n.team FROM line n) l
    ),
    gone AS (
        DELETE FROM chat.queue q
         WHERE q.conversation NOT IN (SELECT l.id FROM line l)
        RETURNING q.*
    ),
    past AS (
        INSERT INTO chat.queue_past (site, team, place, waited, at)
        SELECT g.site, g.team, g.first_place,
               extract(epoch FROM v_now - g.entered_at), v_now
          FROM gone g
          JOIN chat.get_conversation(g.conversation) c
            ON c.assignee IS NOT NULL
    ),
    moved AS (
        INSERT INTO chat.queue AS q (conversation, site, team, place, wait,
                                     first_place, entered_at)
        SELECT l.id, l.site, l.team, l.place,
               CASE WHEN p.pace IS NOT NULL
                    THEN least(ceil(l.place * p.pace / 60), 1440)::integer
                         * 60 END,
               l.place, v_now
          FROM line l
          LEFT JOIN pace p
                 ON p.site = l.site AND p.team IS NOT DISTINCT FROM l.team
            ON CONFLICT (conversation) DO UPDATE
           SET team = excluded.team, place = excluded.place,
               wait = excluded.wait
         WHERE (q.team, q.place, q.wait)
               IS DISTINCT FROM (excluded.team, excluded.place, excluded.wait)
        RETURNING q.*
    )
    SELECT m.site, m.conversation,
           chat.queue_event(m.conversation, m.place, m.wait)
      FROM moved m
    UNION ALL
    SELECT g.site, g.conversation,
           chat.queue_event(g.conversation, NULL, NULL)
      FROM gone g;
END
$$;


-- As tick_1, which it calls; and assigns.  The rows are events without seq:
-- the sweep tells of the others.

CREATE FUNCTION chat.tick_2()
RETURNS TABLE (of_site integer, of_conversation uuid, event text)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(1667785078) THEN
        RETURN;
    END IF;

    PERFORM chat.tick_1();
    PERFORM chat.unassign_absent();
    PERFORM chat.assign_waiting();

    RETURN QUERY SELECT * FROM chat.queue_move();
END
$$;


-- As in 0002, with the place in the line.

CREATE OR REPLACE FUNCTION chat.state(p_kind text, p_conversation uuid,
    p_version integer)
RETURNS TABLE (body text) LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'version', p_version + coalesce(sum(m.upto), 0),
               'read', coalesce(json_object_agg(m.reader, m.upto)
                                FILTER (WHERE m.reader IS NOT NULL),
                                '{}'),
               'queue', (SELECT json_build_object('position', q.place,
                                                  'wait', q.wait)
                           FROM chat.queue q
                          WHERE q.conversation = p_conversation),
               'typing', json_build_array(),
               'presence', json_build_array())::text
      FROM (SELECT m.kind || ':' || m.reader AS reader,
                   CASE WHEN p_kind = 'agent' THEN m.seq
                        ELSE m.public_seq END AS upto
              FROM chat.read_mark m
             WHERE m.conversation = p_conversation) m
$$;


-- As in 0008, with the place in the line.

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
                       'queue', s.body::jsonb -> 'queue',
                       'created_at', chat.rfc3339(c.created_at))
              FROM chat.get_conversation(p_conversation) c,
                   chat.state(p_kind, p_conversation, 0) s);
END
$$;


UPDATE chat.schema SET version = 18;
