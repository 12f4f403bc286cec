-- Whoever holds it is at work for this key; it is freed with the connection, also when the process is killed.
SELECT pg_try_advisory_lock(hashtextextended('livedash key ' || CAST(:token_id AS text) || ' ' || CAST(:key AS text), 0))
