-- Claims pending requests of one company, model and kind for a batch row that exists already, in id order, as many as fit.
-- Locking with LIMIT comes first, in a CTE of its own: window functions and FOR UPDATE do not mix.
WITH locked AS MATERIALIZED (
    SELECT
        requests.id,
        requests.body_bytes,
        requests.token_estimate,
        requests.transcript_hash,
        requests.reserved_eur
    FROM included.ledger.find_claimable_requests AS requests
    -- What costs more than a whole month may never goes out, and must not keep what comes after it from going out.
    WHERE CAST(:max_request_eur AS numeric) IS NULL OR requests.reserved_eur <= :max_request_eur
    ORDER BY requests.id
    LIMIT :max_lines
    FOR UPDATE OF requests SKIP LOCKED
),

summed AS (
    SELECT
        locked.id,
        locked.body_bytes,
        locked.token_estimate,
        locked.transcript_hash,
        locked.reserved_eur,
        row_number() OVER (ORDER BY locked.id) AS place,
        sum(locked.body_bytes) OVER (ORDER BY locked.id) AS bytes_so_far,
        sum(locked.token_estimate) OVER (ORDER BY locked.id) AS tokens_so_far,
        sum(locked.reserved_eur) OVER (ORDER BY locked.id) AS eur_so_far
    FROM locked
),

chosen AS (
    SELECT *
    FROM summed
    WHERE
        bytes_so_far <= :max_bytes
        AND (
            CAST(:max_tokens AS bigint) IS NULL
            OR tokens_so_far <= :max_tokens
            OR (place = 1 AND token_estimate <= :max_first_tokens)
        )
        AND (CAST(:max_eur AS numeric) IS NULL OR eur_so_far <= :max_eur)
),

claimed AS (
    UPDATE ai_processing_requests AS requests
    SET processing_status = 'BATCHING_IN_PROGRESS', batch_id = :batch_id, updated_at = :now
    FROM chosen
    WHERE requests.id = chosen.id AND requests.processing_status = 'PENDING_BATCHING'
),

attempted AS (
    INSERT INTO ai_request_attempts (request_id, batch_id, transcript_hash, created_at, reserved_eur)
    SELECT
        chosen.id,
        :batch_id,
        chosen.transcript_hash,
        :now,
        chosen.reserved_eur
    FROM chosen
)

SELECT
    count(*) AS requests,
    coalesce(sum(body_bytes), 0) AS body_bytes,
    coalesce(sum(token_estimate), 0) AS token_estimate,
    -- Null where the price is unknown.
    sum(reserved_eur) AS reserved_eur
FROM chosen
