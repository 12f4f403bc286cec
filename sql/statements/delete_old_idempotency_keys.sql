-- Keys that nobody repeats any more; a few at a time, since whoever uses a key does it in passing.
DELETE FROM idempotency_keys
WHERE (idempotency_keys.token_id, idempotency_keys.key) IN (
    SELECT
        old.token_id,
        old.key
    FROM idempotency_keys AS old
    WHERE old.created_at < :before
    ORDER BY old.created_at
    LIMIT :most
    FOR UPDATE SKIP LOCKED
)
