-- What claims of one company, model and kind would take, without a lock: the requests that claim_pending_requests finds, in id
-- order, as many as tokens and money are left for. Limits of one batch cut nothing off, since batches follow one another.
WITH ready AS (
    SELECT
        requests.id,
        requests.body_bytes,
        requests.token_estimate,
        requests.reserved_eur
    FROM included.ledger.find_claimable_requests AS requests
    WHERE
        requests.body_bytes <= :max_bytes
        AND requests.token_estimate <= :max_request_tokens
        AND (CAST(:max_request_eur AS numeric) IS NULL OR requests.reserved_eur <= :max_request_eur)
),

summed AS (
    SELECT
        ready.body_bytes,
        ready.token_estimate,
        ready.reserved_eur,
        sum(ready.token_estimate) OVER (ORDER BY ready.id) AS tokens_so_far,
        sum(ready.reserved_eur) OVER (ORDER BY ready.id) AS eur_so_far
    FROM ready
)

SELECT
    count(*) AS requests,
    coalesce(sum(body_bytes), 0) AS body_bytes,
    coalesce(sum(token_estimate), 0) AS token_estimate,
    -- Null where the price is unknown.
    sum(reserved_eur) AS reserved_eur
FROM summed
WHERE
    (CAST(:max_tokens AS bigint) IS NULL OR tokens_so_far <= :max_tokens)
    AND (CAST(:max_eur AS numeric) IS NULL OR eur_so_far <= :max_eur)
