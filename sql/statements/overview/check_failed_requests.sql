-- Per company, requests that were settled since a moment: how many are failed now, how many tries were answered, the commonest
-- error, and some failed ones. Failed requests are few and found by their status; answers, by the time of their settlement.
WITH failed AS (
    SELECT
        requests.company_id,
        count(*) AS requests,
        mode() WITHIN GROUP (ORDER BY requests.error_code) AS commonest_error
    FROM ai_processing_requests AS requests
    WHERE
        requests.processing_status = 'PROCESSING_FAILED'
        AND requests.completed_at >= :since
        -- What a system failed at that was taken over says nothing about this one.
        AND requests.prompt_version <> 'livedash'
        -- Closed because there was nothing to ask any more, or nobody may: there is nothing to do about it.
        AND coalesce(requests.error_code, '') NOT IN (
            'answered_before', 'no_messages', 'erased', 'input_erased', 'input_outdated'
        )
    GROUP BY requests.company_id
),

answered_by_batch AS (
    SELECT
        attempts.batch_id,
        count(*) AS requests
    FROM ai_request_attempts AS attempts
    WHERE attempts.settled_at >= :since AND attempts.outcome = 'parsed'
    GROUP BY attempts.batch_id
),

answered AS (
    SELECT
        batches.company_id,
        sum(answered_by_batch.requests) AS requests
    FROM answered_by_batch
    JOIN ai_batch_requests AS batches ON batches.id = answered_by_batch.batch_id
    GROUP BY batches.company_id
)

SELECT
    companies.slug AS company,
    failed.requests AS failed,
    CAST(failed.requests + coalesce(answered.requests, 0) AS bigint) AS settled,
    failed.commonest_error,
    ARRAY(
        SELECT requests.id
        FROM ai_processing_requests AS requests
        WHERE
            requests.company_id = companies.id
            AND requests.processing_status = 'PROCESSING_FAILED'
            AND requests.completed_at >= :since
            AND requests.prompt_version <> 'livedash'
            AND coalesce(requests.error_code, '') NOT IN (
                'answered_before', 'no_messages', 'erased', 'input_erased', 'input_outdated'
            )
        ORDER BY requests.id DESC
        LIMIT :sample
    ) AS sample_ids
FROM failed
JOIN companies ON companies.id = failed.company_id
LEFT JOIN answered ON answered.company_id = failed.company_id
ORDER BY failed.requests DESC, companies.slug ASC
