-- The counterpart of `take_idempotency_lock`.
SELECT pg_advisory_unlock(hashtextextended('livedash key ' || CAST(:token_id AS text) || ' ' || CAST(:key AS text), 0))
