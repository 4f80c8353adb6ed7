-- Mentions: agents whose names stand in notes, as in "@Dana, have a look".


CREATE TABLE chat.mention (
    agent         uuid            NOT NULL,
    conversation  uuid            NOT NULL
                                  REFERENCES chat.conversation (id)
                                  ON DELETE CASCADE,
    seq           bigint          NOT NULL,
    site          integer         NOT NULL,
    at            timestamptz(3)  NOT NULL,
    PRIMARY KEY (agent, conversation, seq),
    FOREIGN KEY (site, agent) REFERENCES chat.agent (site, id)
                              ON DELETE CASCADE
);

CREATE INDEX mention_at ON chat.mention (agent, at, seq);
CREATE INDEX mention_conversation ON chat.mention (conversation);


-- Whoever is named after an "@", whole and whatever its case.

CREATE FUNCTION chat.note_stored() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chat.mention (agent, conversation, seq, site, at)
    SELECT a.id, new.conversation, new.seq, new.site, new.created_at
      FROM chat.agent a
     WHERE a.site = new.site AND a.disabled_at IS NULL AND NOT a.machine
       AND a.id IS DISTINCT FROM new.sender_id
       AND strpos(lower(new.text), '@' || lower(a.name)) <> 0
       AND lower(new.text) ~ ('@' || regexp_replace(lower(a.name),
                                  '([^[:alnum:]_[:space:]])', '\\\1', 'g')
                              || '(?![[:alnum:]_])')
     LIMIT 50;

    RETURN NULL;
END
$$;

CREATE TRIGGER note_stored AFTER INSERT ON chat.event
    FOR EACH ROW
    WHEN (new.internal AND new.type = 'message' AND new.text LIKE '%@%')
    EXECUTE FUNCTION chat.note_stored();


-- As in 0011, with how often the agent has been mentioned after the mark.

CREATE OR REPLACE FUNCTION chat.summary_agent(p_conversation uuid,
    p_agent uuid, p_epoch text)
RETURNS TABLE (body json) LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'id', c.id,
               'status', c.status,
               'visitor', json_build_object('id', v.id, 'name', v.name,
                                            'verified', v.verified),
               'assignee', chat.person(a.id, a.name),
               'team', chat.person(t.id, t.name),
               'labels', c.labels,
               'priority', chat.priority_name(c.priority),
               'snoozed_until', CASE c.status WHEN 'snoozed'
                   THEN chat.rfc3339(c.snoozed_until) END,
               'last', chat.last_message(e.seq, e.sender_kind, e.sender_id,
                           CASE e.sender_kind WHEN 'visitor' THEN v.name
                                              ELSE b.name END,
                           e.text, e.created_at),
               'unread', c.vis - coalesce(m.vis, 0),
               'mentions', (SELECT count(*)
                              FROM chat.mention n
                             WHERE n.agent = p_agent
                               AND n.conversation = p_conversation
                               AND n.seq > coalesce(m.seq, 0)),
               'waiting_since', chat.rfc3339(c.waiting_since),
               'version', c.version,
               'next', p_epoch || '.' || c.last_seq)
      FROM chat.get_conversation(p_conversation) c
      JOIN chat.get_visitor(c.site, c.visitor) v ON true
      LEFT JOIN chat.get_agent(c.site, c.assignee) a ON true
      LEFT JOIN chat.get_team(c.site, c.team) t ON true
      LEFT JOIN chat.get_event(c.id, c.message_seq) e ON true
      LEFT JOIN chat.get_agent(c.site, e.sender_id) b ON true
      LEFT JOIN chat.get_read_mark(c.id, 'agent', p_agent) m ON true
$$;


-- What mentions the agent and has not been read, the latest first.

CREATE FUNCTION chat.mentions_1(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid)
RETURNS TABLE (outcome text, body text) LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET join_collapse_limit = 1 SET jit = off AS $$
BEGIN
    IF p_kind <> 'agent'
       OR NOT EXISTS (SELECT 1 FROM chat.actor(p_site, p_kind, p_id,
                                               p_issued, p_session))
    THEN
        RETURN QUERY SELECT 'unauthenticated', NULL::text;
        RETURN;
    END IF;

    RETURN QUERY
    SELECT 'ok', json_build_object('mentions', coalesce(json_agg(
               json_build_object(
                   'conversation', l.conversation, 'seq', l.seq,
                   'sender', chat.member(e.sender_kind, e.sender_id, a.name),
                   'text', left(e.text, 200),
                   'created_at', chat.rfc3339(e.created_at))
               ORDER BY l.at DESC, l.seq DESC), '[]'))::text
      FROM (SELECT n.*
              FROM chat.mention n
              JOIN chat.get_conversation(n.conversation) c
                ON c.erased_at IS NULL
              LEFT JOIN chat.get_read_mark(n.conversation, 'agent', p_id) m
                     ON true
             WHERE n.agent = p_id AND n.at > now() - interval '30 days'
               AND n.seq > coalesce(m.seq, 0)
             ORDER BY n.at DESC, n.seq DESC
             LIMIT 100) l
      JOIN chat.get_event(l.conversation, l.seq) e ON e.type = 'message'
                                                  AND e.text IS NOT NULL
      LEFT JOIN chat.get_agent(p_site, e.sender_id) a ON true;
END
$$;


UPDATE chat.schema SET version = 24;
