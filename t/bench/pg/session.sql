-- for pgbench: what the start of an anonymous session asks of PostgreSQL

SELECT * FROM chat.session_start_1(1, NULL, NULL, gen_random_uuid(), NULL, NULL, '0000000000000000');
