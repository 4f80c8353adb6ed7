-- The tables of the server in node: what its author would make.

CREATE TABLE conversation (
    id        bigint  PRIMARY KEY,
    last_seq  bigint  NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE message (
    conversation  bigint       NOT NULL,
    seq           bigint       NOT NULL,
    author        bigint       NOT NULL,
    body          text         NOT NULL,
    created_at    timestamptz  NOT NULL DEFAULT now(),
    client_id     uuid         NOT NULL,
    PRIMARY KEY (conversation, seq),
    UNIQUE (conversation, client_id)
);

INSERT INTO conversation SELECT g, 0 FROM generate_series(0, 19999) g;
