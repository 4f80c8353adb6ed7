-- The tables of chat, without anything that is not needed to store messages.

CREATE SCHEMA plain;

CREATE TABLE plain.conversation (LIKE chat.conversation INCLUDING ALL);
CREATE TABLE plain.event (LIKE chat.event INCLUDING ALL);

INSERT INTO plain.conversation SELECT * FROM chat.conversation;
INSERT INTO plain.event SELECT * FROM chat.event;
