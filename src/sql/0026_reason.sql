-- Changes of a conversation say why.


-- As in 0011, with a reason, which is for agents alone: it is a member of the
-- event of the team or priority, else of that of the assignee.

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
               SET status = c.status, assignee = c.assignee, team = c.team,
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


UPDATE chat.schema SET version = 26;
