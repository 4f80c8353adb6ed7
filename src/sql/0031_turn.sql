-- Assignment that nobody waits for: a tick locks no agents, what a person
-- decides is not taken back, and of a long line no more is told at a time than
-- a worker can send.


-- When the agent was last given a conversation by a tick, instead of
-- agent.routed_at: whoever signs in or is assigned by hand locks that row.  A
-- crash forgets it, and turns begin anew.

CREATE UNLOGGED TABLE chat.routed (
    agent  uuid         NOT NULL,
    site   integer      NOT NULL,
    at     timestamptz  NOT NULL,
    PRIMARY KEY (agent, site)
);

INSERT INTO chat.routed (agent, site, at)
SELECT a.id, a.site, a.routed_at
  FROM chat.agent a
 WHERE a.routed_at IS NOT NULL;


-- As in 0018.

CREATE OR REPLACE FUNCTION chat.assign(p_conversation uuid, p_agent uuid)
RETURNS void LANGUAGE sql VOLATILE AS $$
    INSERT INTO chat.routed (agent, site, at)
    SELECT p_agent, c.site, clock_timestamp()
      FROM chat.get_conversation(p_conversation) c
     WHERE p_agent IS NOT NULL
        ON CONFLICT (agent, site) DO UPDATE SET at = excluded.at;

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


-- As in 0018.

CREATE OR REPLACE FUNCTION chat.takers(p_site integer, p_team uuid)
RETURNS TABLE (agent uuid, load bigint, room bigint, routed_at timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT a.id, l.n, coalesce(a.capacity, 1000) - l.n, r.at
      FROM chat.agent_seen s
      JOIN chat.agent a ON a.id = s.agent AND a.site = s.site
     CROSS JOIN LATERAL (
           SELECT count(*) AS n
             FROM chat.conversation c
            WHERE c.site = a.site AND c.assignee = a.id
              AND c.status = 'open') l
      LEFT JOIN LATERAL (
           SELECT t.at
             FROM chat.routed t
            WHERE t.agent = a.id AND (t.site = a.site) IS TRUE
           OFFSET 0) r ON true
     WHERE (s.site = p_site) IS TRUE AND NOT s.idle
       AND s.seen_at > now() - chat.away_after(p_site)
       AND a.availability = 'online' AND a.disabled_at IS NULL
       AND l.n < coalesce(a.capacity, 1000)
       AND (p_team IS NULL
            OR EXISTS (SELECT FROM chat.team_member m
                        WHERE m.team = p_team AND m.agent = a.id))
$$;


-- As in 0026.  Nobody is assigned who is a program, and who was given a
-- conversation by a person was not given it by a tick.

CREATE OR REPLACE FUNCTION chat.change_2(p_site integer, p_kind text,
    p_id uuid, p_issued bigint, p_session uuid, p_conversation uuid,
    p_version integer, p_patch text, p_events uuid[], p_epoch text)
RETURNS SETOF chat.event_result LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
DECLARE
    v_patch     jsonb := p_patch::jsonb - 'version';
    v_until     timestamptz := chat.moment(v_patch ->> 'snoozed_until');
    v_outcome   text;
    v_first     bigint;
    v_name      text;
    v_assignee  chat.agent;
    v_status    text;
    v_labels    text[];
    v_reason    jsonb := CASE WHEN v_patch ? 'reason'
        THEN jsonb_build_object('reason', v_patch -> 'reason')
        ELSE '{}' END;
    v_moves     boolean;
    v_rest      jsonb := '{}';
    v_now       timestamptz;
    c           chat.conversation;
BEGIN
    SELECT a.outcome, a.name INTO v_outcome, v_name
      FROM chat.access(p_site, p_kind, p_id, p_issued, p_session,
                       p_conversation) a;

    IF v_outcome <> 'ok' THEN
        NULL;

    ELSIF p_kind = 'visitor' AND v_patch <> '{"status": "resolved"}' THEN
        v_outcome := 'forbidden';

    ELSIF NOT chat.await_lock(p_conversation) THEN
        v_outcome := 'busy';

    ELSE
        SELECT * INTO c FROM chat.get_conversation(p_conversation);

        IF v_patch ->> 'assignee' IS NOT NULL THEN
            SELECT * INTO v_assignee
              FROM chat.agent b
             WHERE b.id = (v_patch ->> 'assignee')::uuid
               AND (b.site = p_site) IS TRUE AND b.disabled_at IS NULL
               AND NOT b.machine
               FOR SHARE;

            IF NOT FOUND THEN
                v_outcome := 'invalid:assignee';
            END IF;
        END IF;

        v_moves := v_patch ? 'team'
                   AND (v_patch ->> 'team')::uuid IS DISTINCT FROM c.team
                   OR v_patch ? 'priority'
                   AND chat.priority_number(v_patch ->> 'priority')
                       <> c.priority;

        v_outcome := CASE
            WHEN c.erased_at IS NOT NULL THEN 'gone'
            WHEN v_outcome <> 'ok' THEN v_outcome
            ELSE coalesce(chat.change_error(p_site, c, v_patch, v_until),
                          CASE WHEN p_version <> c.version THEN 'conflict'
                               WHEN v_patch ? 'reason' AND NOT v_moves
                                    AND (NOT v_patch ? 'assignee'
                                         OR v_assignee.id IS NOT DISTINCT
                                            FROM c.assignee)
                               THEN 'invalid:reason'
                               ELSE 'ok' END) END;
    END IF;

    IF v_outcome NOT IN ('ok', 'conflict') THEN
        RETURN NEXT ROW (v_outcome, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL)::chat.event_result;
        RETURN;
    END IF;

    v_first := c.last_seq + 1;

    IF v_outcome = 'ok' THEN
        v_now := chat.now_ms();

        -- a time to come back snoozes, none wakes

        v_status := coalesce(v_patch ->> 'status',
            CASE WHEN v_until IS NOT NULL THEN 'snoozed'
                 WHEN v_patch ? 'snoozed_until' AND c.status = 'snoozed'
                 THEN 'open' END);

        IF v_status <> c.status THEN
            c.status := v_status;
            c.version := c.version + 1;
            c.last_seq := c.last_seq + 1;
            c.public_seq := c.last_seq;

            IF v_status = 'resolved' THEN
                c.waiting_since := NULL;
            END IF;

            IF v_status <> 'snoozed' THEN
                c.snoozed_until := NULL;
            END IF;

            INSERT INTO chat.event (site, conversation, seq, id, type,
                internal, sender_kind, sender_id, pub, vis, data, created_at)
            VALUES (p_site, c.id, c.last_seq, p_events[1], 'status',
                false, p_kind, p_id, c.pub, c.vis,
                jsonb_build_object('status', v_status), v_now);
        END IF;

        IF v_patch ? 'assignee' AND v_assignee.id IS DISTINCT FROM c.assignee
        THEN
            c.assignee := v_assignee.id;
            c.routed := NULL;
            c.version := c.version + 1;
            c.last_seq := c.last_seq + 1;

            INSERT INTO chat.event (site, conversation, seq, id, type,
                internal, sender_kind, sender_id, pub, vis, data, created_at)
            VALUES (p_site, c.id, c.last_seq, p_events[2], 'assignment',
                true, p_kind, p_id, c.pub, c.vis,
                jsonb_build_object('assignee',
                                   chat.person(v_assignee.id,
                                               v_assignee.name))
                || CASE WHEN v_moves THEN '{}' ELSE v_reason END,
                v_now);
        END IF;

        IF v_patch ? 'team'
           AND (v_patch ->> 'team')::uuid IS DISTINCT FROM c.team
        THEN
            c.team := (v_patch ->> 'team')::uuid;
            v_rest := v_rest || jsonb_build_object('team', (
                          SELECT chat.person(t.id, t.name)
                            FROM chat.get_team(p_site, c.team) t));
        END IF;

        IF v_patch ? 'priority'
           AND chat.priority_number(v_patch ->> 'priority') <> c.priority
        THEN
            c.priority := chat.priority_number(v_patch ->> 'priority');
            v_rest := v_rest || jsonb_build_object('priority',
                                    v_patch -> 'priority');
        END IF;

        IF v_moves THEN
            v_rest := v_rest || v_reason;
        END IF;

        IF v_patch ? 'labels' THEN
            SELECT coalesce(array_agg(DISTINCT n.name), '{}') INTO v_labels
              FROM jsonb_array_elements_text(v_patch -> 'labels') n (name);

            IF v_labels <> c.labels THEN
                c.labels := v_labels;
                v_rest := v_rest || jsonb_build_object('labels', v_labels);
            END IF;
        END IF;

        IF v_until IS NOT NULL AND v_until IS DISTINCT FROM c.snoozed_until
        THEN
            c.snoozed_until := v_until;
            v_rest := v_rest || jsonb_build_object('snoozed_until',
                                    chat.rfc3339(v_until));
        END IF;

        IF v_rest <> '{}' THEN
            c.version := c.version + 1;
            c.last_seq := c.last_seq + 1;

            INSERT INTO chat.event (site, conversation, seq, id, type,
                internal, sender_kind, sender_id, pub, vis, data, created_at)
            VALUES (p_site, c.id, c.last_seq, p_events[3], 'change',
                true, p_kind, p_id, c.pub, c.vis, v_rest, v_now);
        END IF;

        IF c.last_seq >= v_first THEN
            UPDATE chat.conversation t
               SET status = c.status, assignee = c.assignee,
                   routed = c.routed, team = c.team,
                   priority = c.priority, labels = c.labels,
                   snoozed_until = c.snoozed_until, version = c.version,
                   last_seq = c.last_seq, public_seq = c.public_seq,
                   waiting_since = c.waiting_since
             WHERE t.id = c.id;
        END IF;
    END IF;

    RETURN QUERY
    SELECT v_outcome, c.last_seq, c.public_seq, c.visitor, s.body, false,
           NULL::text,
           chat.conversation_body(p_kind, p_id, p_conversation, p_epoch),
           NULL::bigint, NULL::text, NULL::uuid, NULL::text, NULL::text,
           NULL::uuid, NULL::text, NULL::boolean, NULL::bigint, NULL::text,
           NULL::text, NULL::bigint
      FROM chat.state(p_kind, p_conversation, c.version) s
    UNION ALL
    (SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            e.seq, e.type, e.id, e.client_msg_id, e.sender_kind, e.sender_id,
            v_name, e.internal, e.pub, e.text, e.data::text,
            chat.ms(e.created_at)
       FROM chat.event e
      WHERE e.conversation = p_conversation AND e.seq >= v_first
      ORDER BY e.seq);
END
$$;


-- What the visitor was last told of his place; null: nothing yet.

ALTER TABLE chat.queue
    ADD COLUMN told integer,
    ADD COLUMN told_wait integer;


-- As in 0018, with 200 events at most: the rest follows with the next ticks.
-- Those on the first 20 places are told of every step, the others of every
-- tenth place, and with it of the wait.

CREATE OR REPLACE FUNCTION chat.queue_move()
RETURNS TABLE (of_site integer, of_conversation uuid, event text)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_most  integer := 200;
    v_now   timestamptz := chat.now_ms();
    v_done  integer;
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
         WHERE q.conversation = ANY (ARRAY(
                   SELECT t.conversation
                     FROM chat.queue t
                    WHERE t.conversation NOT IN (SELECT l.id FROM line l)
                    ORDER BY t.place
                    LIMIT v_most))
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
    )
    SELECT g.site, g.conversation,
           chat.queue_event(g.conversation, NULL, NULL)
      FROM gone g;

    GET DIAGNOSTICS v_done = ROW_COUNT;

    -- of what is due, those in front, then whom it is the furthest from

    RETURN QUERY
    WITH due AS (
        SELECT q.conversation
          FROM chat.queue q
         WHERE q.told IS NULL
            OR CASE WHEN q.place <= 20
                    THEN (q.told, q.told_wait)
                         IS DISTINCT FROM (q.place, q.wait)
                    ELSE (q.told - 1) / 10 <> (q.place - 1) / 10 END
         ORDER BY q.place > 20, coalesce(abs(q.told - q.place), 1000) DESC,
                  q.place
         LIMIT v_most - v_done
    )
    UPDATE chat.queue q
       SET told = q.place, told_wait = q.wait
      FROM due d
     WHERE q.conversation = d.conversation
    RETURNING q.site, q.conversation,
              chat.queue_event(q.conversation, q.place, q.wait);
END
$$;


UPDATE chat.schema SET version = 31;
