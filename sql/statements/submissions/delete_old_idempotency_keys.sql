-- Keys that nobody repeats any more; a few at a time, since whoever uses a key does it in passing.
WITH old AS MATERIALIZED (
    SELECT
        idempotency_keys.token_id,
        idempotency_keys.key
    FROM idempotency_keys
    WHERE idempotency_keys.created_at < :before
    ORDER BY idempotency_keys.created_at
    LIMIT :most
    FOR UPDATE SKIP LOCKED
)

DELETE FROM idempotency_keys
USING old
WHERE idempotency_keys.token_id = old.token_id AND idempotency_keys.key = old.key
