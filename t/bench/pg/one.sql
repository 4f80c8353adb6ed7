-- for pgbench: one message a statement, one by one

\set c random(0, 9999)
WITH u AS (UPDATE conversation SET last_seq = last_seq + 1 WHERE id = :c RETURNING last_seq) INSERT INTO message (conversation, seq, author, body, client_id) SELECT :c, last_seq, 7, 'hello, my order has not arrived yet, can you help me please? hello', gen_random_uuid() FROM u RETURNING seq;
