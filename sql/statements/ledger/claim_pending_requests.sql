-- Claims pending requests of one company, model and kind for a batch row that exists already, in id order, as many as fit.
-- Locking with LIMIT comes first, in a CTE of its own: window functions and FOR UPDATE do not mix.
WITH locked AS MATERIALIZED (
    SELECT
        requests.id,
        requests.body_bytes,
        requests.token_estimate,
        -- What the lines of this batch ask for may be more than what the requests were built with.
        greatest(requests.max_output_tokens, CAST(:max_output_tokens AS integer)) AS max_output_tokens,
        requests.transcript_hash
    FROM ai_processing_requests AS requests
    CROSS JOIN LATERAL request_subject(requests.processing_type, requests.subject_id) AS subject
    JOIN companies ON companies.id = requests.company_id AND companies.status = ANY(:working_companies)
    WHERE
        requests.company_id = :company_id
        AND requests.model = :model
        AND requests.processing_type = :processing_type
        AND requests.processing_status = 'PENDING_BATCHING'
        AND requests.prompt_version = :prompt_version
        AND requests.transcript_hash = subject.current_hash
        AND subject.is_claimable
        -- What costs more than a whole month may never goes out, and must not keep what comes after it from going out.
        AND (
            CAST(:max_request_eur AS numeric) IS NULL
            OR requests.token_estimate * CAST(:eur_per_input_token AS numeric)
            + greatest(requests.max_output_tokens, CAST(:max_output_tokens AS integer))
            * CAST(:eur_per_output_token AS numeric) <= :max_request_eur
        )
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
        locked.token_estimate * CAST(:eur_per_input_token AS numeric)
        + locked.max_output_tokens * CAST(:eur_per_output_token AS numeric) AS reserved_eur,
        row_number() OVER (ORDER BY locked.id) AS place,
        sum(locked.body_bytes) OVER (ORDER BY locked.id) AS bytes_so_far,
        sum(locked.token_estimate) OVER (ORDER BY locked.id) AS tokens_so_far,
        sum(
            locked.token_estimate * CAST(:eur_per_input_token AS numeric)
            + locked.max_output_tokens * CAST(:eur_per_output_token AS numeric)
        ) OVER (ORDER BY locked.id) AS eur_so_far
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
    coalesce(sum(reserved_eur), 0) AS reserved_eur
FROM chosen
