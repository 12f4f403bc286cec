-- Per working company, its requests that have waited for a batch since before a moment, and some of their ids. A company with
-- a batch at work waits for its turn, which is another thing than nobody sending anything.
WITH waiting AS (
    SELECT
        requests.company_id,
        count(*) AS requests,
        min(requests.updated_at) AS waiting_since
    FROM ai_processing_requests AS requests
    WHERE requests.processing_status = 'PENDING_BATCHING' AND requests.updated_at < :waiting_before
    GROUP BY requests.company_id
)

SELECT
    companies.slug AS company,
    waiting.requests,
    waiting.waiting_since,
    coalesce(at_work.found, false) AS batch_at_work,
    ARRAY(
        SELECT requests.id
        FROM ai_processing_requests AS requests
        WHERE
            requests.company_id = companies.id
            AND requests.processing_status = 'PENDING_BATCHING'
            AND requests.updated_at < :waiting_before
        ORDER BY requests.id
        LIMIT :sample
    ) AS sample_ids
FROM waiting
JOIN companies ON companies.id = waiting.company_id
LEFT JOIN LATERAL (
    SELECT true AS found
    FROM ai_batch_requests AS batches
    WHERE
        batches.company_id = companies.id
        AND batches.status = ANY(:live_batches)
    LIMIT 1
) AS at_work ON true
WHERE companies.status = ANY(:working_companies)
ORDER BY waiting.waiting_since, companies.slug
