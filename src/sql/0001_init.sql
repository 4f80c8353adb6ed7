-- Schema "chat": tables, indexes, the visitor's view, and the functions that
-- concern the installation, sites, visitors' and agents' sessions.
--
-- A migration runs inside one transaction which its caller opens.  Every
-- name is qualified: nothing here depends on search_path.

CREATE SCHEMA chat;


-- One row.  A module older than oldest_module must not use this schema.

CREATE TABLE chat.schema (
    one            boolean  PRIMARY KEY DEFAULT true CHECK (one),
    version        integer  NOT NULL,
    oldest_module  integer  NOT NULL,
    installation   uuid     NOT NULL DEFAULT gen_random_uuid(),
    epoch          bigint   NOT NULL DEFAULT 1
);

INSERT INTO chat.schema (version, oldest_module) VALUES (1, 1);


CREATE TABLE chat.site (
    id          integer         PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name        text            NOT NULL UNIQUE
                                CHECK (name ~ '^[a-z0-9_-]{1,32}$'),
    locale      text,
    theme       jsonb,
    created_at  timestamptz(3)  NOT NULL DEFAULT clock_timestamp()
);


-- valid_from is in milliseconds since the epoch, as a token's issued_at is:
-- moving it forward revokes every token issued before.

CREATE TABLE chat.visitor (
    site        integer         NOT NULL REFERENCES chat.site (id),
    id          uuid            NOT NULL,
    name        text,
    verified    boolean         NOT NULL DEFAULT false,
    valid_from  bigint          NOT NULL,
    locale      text,
    page        text,
    blocked_at  timestamptz(3),
    erased_at   timestamptz(3),
    created_at  timestamptz(3)  NOT NULL,
    PRIMARY KEY (id, site)
);


CREATE TABLE chat.agent (
    site         integer         NOT NULL REFERENCES chat.site (id),
    id           uuid            NOT NULL DEFAULT gen_random_uuid(),
    email        text            NOT NULL,
    name         text            NOT NULL,
    role         text            NOT NULL
                                 CHECK (role IN ('agent', 'supervisor',
                                                 'admin')),
    password     text            NOT NULL,
    disabled_at  timestamptz(3),
    created_at   timestamptz(3)  NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (id, site)
);

-- The cast keeps the index out of the look-ups by id and site, those of the
-- foreign keys among them: see below.

CREATE UNIQUE INDEX agent_email
    ON chat.agent (lower(email), (site::bigint));


-- expires_at slides with use up to ends_at.

CREATE TABLE chat.agent_session (
    id          uuid            PRIMARY KEY,
    site        integer         NOT NULL,
    agent       uuid            NOT NULL,
    token_hash  bytea           NOT NULL UNIQUE,
    expires_at  timestamptz(3)  NOT NULL,
    ends_at     timestamptz(3)  NOT NULL,
    revoked_at  timestamptz(3),
    created_at  timestamptz(3)  NOT NULL,
    FOREIGN KEY (site, agent) REFERENCES chat.agent (site, id)
                              ON DELETE CASCADE
);

CREATE INDEX agent_session_agent ON chat.agent_session (site, agent);


-- last_seq         head of the log
-- public_seq       last event that a visitor may see
-- message_seq      last message or note, shown to agents
-- public_message_seq   last public message, shown to the visitor
-- pub, vis, notes  messages: public ones, the visitor's among them, internal
-- active_at        time of message_seq, public_at of public_message_seq
-- active_minute    active_at in whole minutes: lists are indexed by this, so
--                  that an append is a HOT update but for one a minute

CREATE TABLE chat.conversation (
    id                  uuid            PRIMARY KEY,
    site                integer         NOT NULL,
    visitor             uuid            NOT NULL,
    client_msg_id       text            COLLATE "C" NOT NULL,
    status              text            COLLATE "C" NOT NULL DEFAULT 'open'
                                        CHECK (status IN ('open', 'pending',
                                                          'snoozed',
                                                          'resolved')),
    assignee            uuid,
    version             integer         NOT NULL DEFAULT 1,
    last_seq            bigint          NOT NULL,
    public_seq          bigint          NOT NULL,
    message_seq         bigint          NOT NULL,
    public_message_seq  bigint          NOT NULL,
    pub                 bigint          NOT NULL,
    vis                 bigint          NOT NULL,
    notes               bigint          NOT NULL DEFAULT 0,
    active_minute       integer         NOT NULL,
    active_at           timestamptz(3)  NOT NULL,
    public_at           timestamptz(3)  NOT NULL,
    waiting_since       timestamptz(3),
    first_reply_at      timestamptz(3),
    erased_at           timestamptz(3),
    created_at          timestamptz(3)  NOT NULL,
    UNIQUE (visitor, client_msg_id, site),
    FOREIGN KEY (site, visitor) REFERENCES chat.visitor (site, id),
    FOREIGN KEY (site, assignee) REFERENCES chat.agent (site, id)
) WITH (fillfactor = 50);

CREATE INDEX conversation_status
    ON chat.conversation (site, status, active_minute);
CREATE INDEX conversation_assignee
    ON chat.conversation (site, assignee, status, active_minute);


-- The log.  Every writer holds the lock of the conversation's row, which
-- makes seq dense and the look-up of client_msg_id conclusive.  pub and vis
-- are running counts: public messages, and the visitor's among them.
--
-- Events and read marks have no foreign key: their writers know that the
-- conversation is there, and a trigger takes them away with it.

CREATE TABLE chat.event (
    conversation   uuid            NOT NULL,
    seq            bigint          NOT NULL,
    xact           xid8            NOT NULL DEFAULT pg_current_xact_id(),
    pub            bigint          NOT NULL,
    vis            bigint          NOT NULL,
    created_at     timestamptz(3)  NOT NULL,
    site           integer         NOT NULL,
    internal       boolean         NOT NULL,
    id             uuid            NOT NULL,
    sender_id      uuid,
    sender_kind    text            COLLATE "C" NOT NULL,
    type           text            COLLATE "C" NOT NULL,
    client_msg_id  text            COLLATE "C",
    text           text,
    data           jsonb,
    PRIMARY KEY (conversation, seq)
);

CREATE UNIQUE INDEX event_client_msg_id
    ON chat.event (sender_id, client_msg_id, conversation)
    WHERE client_msg_id IS NOT NULL;
CREATE INDEX event_xact ON chat.event (xact, site);


-- What a visitor may read.

CREATE VIEW chat.event_public AS
SELECT * FROM chat.event WHERE NOT internal;


-- public_seq is the last public event at or below seq: what the visitor is
-- told.

CREATE TABLE chat.read_mark (
    conversation  uuid     NOT NULL,
    kind          text     COLLATE "C" NOT NULL
                           CHECK (kind IN ('visitor', 'agent')),
    reader        uuid     NOT NULL,
    site          integer  NOT NULL,
    seq           bigint   NOT NULL,
    public_seq    bigint   NOT NULL,
    pub           bigint   NOT NULL,
    vis           bigint   NOT NULL,
    PRIMARY KEY (conversation, kind, reader)
) WITH (fillfactor = 70);


CREATE FUNCTION chat.conversation_deleted() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM chat.event e WHERE e.conversation = old.id;
    DELETE FROM chat.read_mark m WHERE m.conversation = old.id;

    RETURN NULL;
END
$$;

CREATE TRIGGER conversation_deleted AFTER DELETE ON chat.conversation
    FOR EACH ROW EXECUTE FUNCTION chat.conversation_deleted();


-- Forms of time: milliseconds since the epoch, and RFC 3339.

CREATE FUNCTION chat.ms(timestamptz) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT (extract(epoch FROM $1) * 1000)::bigint
$$;

CREATE FUNCTION chat.rfc3339(timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT to_char($1 AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

CREATE FUNCTION chat.now_ms() RETURNS timestamptz
LANGUAGE sql VOLATILE AS $$
    SELECT date_trunc('milliseconds', clock_timestamp())
$$;


-- Look-ups by key, planned inside their callers.  Connections keep plans that
-- were made while the tables were empty and every index looked as good as the
-- next: OFFSET 0 keeps a look-up a probe of its table, and IS TRUE keeps a
-- condition from choosing an index that is not meant.

CREATE FUNCTION chat.get_visitor(integer, uuid) RETURNS SETOF chat.visitor
LANGUAGE sql STABLE AS $$
    SELECT * FROM chat.visitor WHERE id = $2 AND (site = $1) IS TRUE
    OFFSET 0
$$;

CREATE FUNCTION chat.get_agent(integer, uuid) RETURNS SETOF chat.agent
LANGUAGE sql STABLE AS $$
    SELECT * FROM chat.agent WHERE id = $2 AND (site = $1) IS TRUE
    OFFSET 0
$$;

CREATE FUNCTION chat.get_agent_session(uuid)
RETURNS SETOF chat.agent_session LANGUAGE sql STABLE AS $$
    SELECT * FROM chat.agent_session WHERE id = $1 OFFSET 0
$$;

CREATE FUNCTION chat.get_conversation(uuid) RETURNS SETOF chat.conversation
LANGUAGE sql STABLE AS $$
    SELECT * FROM chat.conversation WHERE id = $1 OFFSET 0
$$;

-- By the place of its row, known since it was locked, or else by id.

CREATE FUNCTION chat.get_conversation_at(tid, uuid)
RETURNS TABLE (place tid, id uuid, site integer, visitor uuid,
    last_seq bigint, public_seq bigint, pub bigint, vis bigint,
    erased_at timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT ctid, id, site, visitor, last_seq, public_seq, pub, vis,
           erased_at
      FROM chat.conversation
     WHERE ctid = coalesce($1, (SELECT t.ctid FROM chat.conversation t
                                 WHERE t.id = $2))
    OFFSET 0
$$;

CREATE FUNCTION chat.get_event(uuid, bigint) RETURNS SETOF chat.event
LANGUAGE sql STABLE AS $$
    SELECT * FROM chat.event WHERE conversation = $1 AND seq = $2 OFFSET 0
$$;

CREATE FUNCTION chat.get_event_public(uuid, bigint) RETURNS SETOF chat.event
LANGUAGE sql STABLE AS $$
    SELECT * FROM chat.event_public
     WHERE conversation = $1 AND seq = $2 OFFSET 0
$$;

-- The event of that conversation, sender and client_msg_id.

CREATE FUNCTION chat.get_event_sent(uuid, uuid, text)
RETURNS SETOF chat.event LANGUAGE sql STABLE AS $$
    SELECT * FROM chat.event
     WHERE sender_id = $2 AND client_msg_id = $3
       AND (conversation = $1) IS TRUE
    OFFSET 0
$$;

CREATE FUNCTION chat.get_read_mark(uuid, text, uuid)
RETURNS SETOF chat.read_mark LANGUAGE sql STABLE AS $$
    SELECT * FROM chat.read_mark
     WHERE conversation = $1 AND kind = $2 AND reader = $3 OFFSET 0
$$;


-- Who asks, as one row or none.

CREATE FUNCTION chat.actor(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid)
RETURNS TABLE (id uuid, name text) LANGUAGE sql STABLE AS $$
    SELECT p_id, coalesce(v.name, a.name)
      FROM (SELECT CASE p_kind WHEN 'visitor' THEN p_id END AS visitor,
                   CASE p_kind WHEN 'agent' THEN p_session END AS session) k
      LEFT JOIN chat.get_visitor(p_site, k.visitor) v
             ON v.valid_from <= p_issued
            AND v.blocked_at IS NULL AND v.erased_at IS NULL
      LEFT JOIN chat.get_agent_session(k.session) s
             ON s.site = p_site AND s.agent = p_id
            AND s.revoked_at IS NULL AND s.expires_at > now()
      LEFT JOIN chat.get_agent(s.site, s.agent) a
             ON a.disabled_at IS NULL
     WHERE v.id IS NOT NULL OR a.id IS NOT NULL
$$;


-- What the actor may do with the conversation.  To everybody but its visitor
-- and the agents of its site it does not exist.

CREATE FUNCTION chat.access(p_site integer, p_kind text, p_id uuid,
    p_issued bigint, p_session uuid, p_conversation uuid)
RETURNS TABLE (outcome text, visitor uuid, version integer, last_seq bigint,
    public_seq bigint, name text)
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN a.id IS NULL THEN 'unauthenticated'
                WHEN c.id IS NULL THEN 'not_found'
                WHEN c.erased_at IS NOT NULL THEN 'gone'
                ELSE 'ok' END,
           c.visitor, c.version, c.last_seq, c.public_seq, a.name
      FROM (SELECT 1) AS one
      LEFT JOIN chat.actor(p_site, p_kind, p_id, p_issued, p_session) a
             ON true
      LEFT JOIN chat.get_conversation(p_conversation) c
             ON c.site = p_site AND (p_kind = 'agent' OR c.visitor = p_id)
$$;


-- The epoch changes with the installation, the cluster, its time line (a
-- promotion), and by new_epoch().  The control file's time line lags behind
-- after a promotion, so it is taken from the current WAL file's name.

CREATE FUNCTION chat.schema_info_1()
RETURNS TABLE (version integer, oldest_module integer, installation uuid,
    epoch text, warnings text)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'PostgreSQL is a read-only standby'
              USING ERRCODE = 'read_only_sql_transaction';
    END IF;

    RETURN QUERY
    SELECT s.version, s.oldest_module, s.installation,
           substr(encode(sha256(convert_to(concat_ws('/', s.installation,
                  c.system_identifier,
                  substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),
                  s.epoch), 'UTF8')), 'hex'), 1, 16),
           concat_ws(',',
               CASE WHEN current_setting('fsync') = 'off'
                    THEN 'fsync' END,
               CASE WHEN current_setting('synchronous_commit') = 'off'
                    THEN 'synchronous_commit' END)
      FROM chat.schema s, pg_control_system() c;
END
$$;


-- For a restored dump, in which a seq may come twice: clients then rebuild
-- what they show.  Workers read the epoch when they connect.

CREATE FUNCTION chat.new_epoch() RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE chat.schema SET epoch = schema.epoch + 1;

    RETURN (SELECT i.epoch FROM chat.schema_info_1() i);
END
$$;


CREATE FUNCTION chat.ping_1() RETURNS integer
LANGUAGE sql STABLE AS $$
    SELECT 1
$$;


CREATE FUNCTION chat.notify_1(p_payload text) RETURNS void
LANGUAGE sql VOLATILE AS $$
    SELECT pg_notify('chat', p_payload)
$$;


-- Writes nothing if the site is there.

CREATE FUNCTION chat.site_put_1(p_name text) RETURNS integer
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_id  integer;
BEGIN
    SELECT s.id INTO v_id FROM chat.site s WHERE s.name = p_name;

    IF NOT FOUND THEN
        INSERT INTO chat.site (name) VALUES (p_name)
            ON CONFLICT (name) DO NOTHING;

        SELECT s.id INTO v_id FROM chat.site s WHERE s.name = p_name;
    END IF;

    RETURN v_id;
END
$$;


-- For operators and seeds.  The agent of that site and e-mail is made, or
-- becomes what is said; a changed password ends the agent's sessions.

CREATE FUNCTION chat.agent_put_1(p_site_name text, p_email text, p_name text,
    p_role text, p_password text)
RETURNS uuid LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_id    uuid;
    v_site  integer;
BEGIN
    v_site := chat.site_put_1(p_site_name);

    INSERT INTO chat.agent (site, email, name, role, password)
    VALUES (v_site, p_email, p_name, p_role, p_password)
        ON CONFLICT (lower(email), (site::bigint)) DO NOTHING
    RETURNING id INTO v_id;

    IF FOUND THEN
        RETURN v_id;
    END IF;

    SELECT a.id INTO v_id
      FROM chat.agent a
     WHERE a.site = v_site AND lower(a.email) = lower(p_email);

    UPDATE chat.agent_session s
       SET revoked_at = chat.now_ms()
      FROM chat.agent a
     WHERE a.site = v_site AND a.id = v_id AND a.password <> p_password
       AND s.site = a.site AND s.agent = a.id AND s.revoked_at IS NULL;

    UPDATE chat.agent a
       SET name = p_name, role = p_role, password = p_password
     WHERE a.site = v_site AND a.id = v_id
       AND (a.name, a.role, a.password)
           IS DISTINCT FROM (p_name, p_role, p_password);

    RETURN v_id;
END
$$;


CREATE FUNCTION chat.agent_login_1(p_site integer, p_email text)
RETURNS TABLE (agent uuid, name text, email text, role text, password text)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
BEGIN
    RETURN QUERY
    SELECT a.id, a.name, a.email, a.role, a.password
      FROM chat.agent a
     WHERE lower(a.email) = lower(p_email) AND (a.site = p_site) IS TRUE
       AND a.disabled_at IS NULL;
END
$$;


CREATE FUNCTION chat.agent_body(a chat.agent, p_expires timestamptz)
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
               'agent', json_build_object('id', a.id, 'name', a.name,
                                          'email', a.email, 'role', a.role),
               'expires_at', chat.rfc3339(p_expires))::text
$$;


-- The password is the one that was verified: should it have changed since,
-- there is no session.

CREATE FUNCTION chat.agent_session_create_1(p_site integer, p_agent uuid,
    p_password text, p_session uuid, p_token_hash bytea)
RETURNS TABLE (outcome text, body text, expires bigint)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
DECLARE
    v_agent    chat.agent;
    v_now      timestamptz := chat.now_ms();
    v_expires  timestamptz := v_now + interval '12 hours';
BEGIN
    SELECT * INTO v_agent
      FROM chat.agent a
     WHERE a.id = p_agent AND (a.site = p_site) IS TRUE
       AND a.password = p_password AND a.disabled_at IS NULL
       FOR SHARE;

    IF NOT FOUND THEN
        RETURN QUERY SELECT 'unauthenticated', NULL::text, NULL::bigint;
        RETURN;
    END IF;

    INSERT INTO chat.agent_session (id, site, agent, token_hash, expires_at,
                                    ends_at, created_at)
    VALUES (p_session, p_site, p_agent, p_token_hash, v_expires,
            v_now + interval '7 days', v_now);

    RETURN QUERY
    SELECT 'ok', chat.agent_body(v_agent, v_expires), chat.ms(v_expires);
END
$$;


-- Slides the idle expiry, at most once a minute.

CREATE FUNCTION chat.agent_session_get_1(p_site integer, p_token_hash bytea)
RETURNS TABLE (session uuid, agent uuid, name text, email text, role text,
    expires bigint, body text)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
DECLARE
    v_agent    chat.agent;
    v_session  chat.agent_session;
    v_now      timestamptz := chat.now_ms();
    v_expires  timestamptz;
BEGIN
    SELECT * INTO v_session
      FROM chat.agent_session s
     WHERE s.token_hash = p_token_hash AND (s.site = p_site) IS TRUE
       AND s.revoked_at IS NULL AND s.expires_at > v_now;

    IF NOT FOUND THEN
        RETURN;
    END IF;

    SELECT * INTO v_agent
      FROM chat.get_agent(p_site, v_session.agent) a
     WHERE a.disabled_at IS NULL;

    IF NOT FOUND THEN
        RETURN;
    END IF;

    v_expires := least(v_now + interval '12 hours', v_session.ends_at);

    IF v_expires >= v_session.expires_at + interval '1 minute' THEN
        UPDATE chat.agent_session s
           SET expires_at = v_expires
         WHERE s.id = v_session.id;
    ELSE
        v_expires := v_session.expires_at;
    END IF;

    RETURN QUERY
    SELECT v_session.id, v_agent.id, v_agent.name, v_agent.email,
           v_agent.role, chat.ms(v_expires),
           chat.agent_body(v_agent, v_expires);
END
$$;


CREATE FUNCTION chat.agent_session_end_1(p_site integer, p_session uuid)
RETURNS TABLE (outcome text) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET jit = off AS $$
BEGIN
    UPDATE chat.agent_session s
       SET revoked_at = chat.now_ms()
     WHERE s.id = p_session AND (s.site = p_site) IS TRUE
       AND s.revoked_at IS NULL;

    RETURN QUERY SELECT CASE WHEN FOUND THEN 'ok' ELSE 'not_found' END;
END
$$;
