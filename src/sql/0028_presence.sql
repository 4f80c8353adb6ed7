-- Whose presence visitors are told of.


-- As in 0018.  A visitor's begins with the agent to whom the conversation is
-- assigned, and those who have answered within its last 50 events; nobody is
-- told these two, the worker goes by them.

CREATE OR REPLACE FUNCTION chat.state(p_kind text, p_conversation uuid,
    p_version integer)
RETURNS TABLE (body text) LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'version', p_version + coalesce(sum(m.upto), 0),
               'assignee', CASE p_kind WHEN 'visitor' THEN (
                   SELECT c.assignee
                     FROM chat.get_conversation(p_conversation) c) END,
               'answered', CASE p_kind WHEN 'visitor' THEN (
                   SELECT coalesce(json_agg(DISTINCT e.sender_id), '[]')
                     FROM chat.event_public e
                    WHERE e.conversation = p_conversation
                      AND e.seq > (SELECT c.public_seq - 50
                                     FROM chat.get_conversation(
                                              p_conversation) c)
                      AND e.type = 'message' AND e.sender_kind = 'agent') END,
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


UPDATE chat.schema SET version = 28;
