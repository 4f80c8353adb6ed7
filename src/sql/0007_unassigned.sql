-- Lists of what nobody has been assigned: in the index by assignee these rows
-- are together, but PostgreSQL does not see that they are in order.

CREATE INDEX conversation_unassigned
    ON chat.conversation (site, status, active_minute)
    WHERE assignee IS NULL;

UPDATE chat.schema SET version = 7;
