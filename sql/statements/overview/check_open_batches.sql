-- Batches that take longer than they may, the oldest first: at the service close to or beyond their window, ended and not taken
-- in, or begun long ago without an id of the service.
WITH unprocessed AS (
    SELECT
        batches.id,
        batches.openai_batch_id,
        batches.company_id,
        batches.status,
        batches.created_at,
        batches.status_changed_at,
        coalesce(batches.expires_at, batches.submitted_at + CAST(:batch_window AS interval)) AS expires_at,
        batches.status = ANY(:ended_batches) AS ended
    FROM ai_batch_requests AS batches
    WHERE batches.processed_at IS NULL
),

judged AS (
    SELECT
        unprocessed.*,
        CASE
            WHEN unprocessed.ended AND unprocessed.status_changed_at < :ended_before THEN 'ended, and not ingested'
            WHEN unprocessed.ended THEN NULL
            WHEN unprocessed.openai_batch_id IS NULL AND unprocessed.created_at < :created_before
                THEN 'no id of the service yet'
            WHEN unprocessed.expires_at < :expired_before THEN 'beyond its window'
            WHEN unprocessed.expires_at < :expires_soon THEN 'close to the end of its window'
        END AS problem
    FROM unprocessed
)

SELECT
    judged.id AS batch_id,
    judged.openai_batch_id,
    companies.slug AS company,
    judged.status,
    judged.created_at,
    judged.expires_at,
    judged.problem,
    judged.problem = 'close to the end of its window' AS is_warning,
    count(*) OVER () AS total
FROM judged
JOIN companies ON companies.id = judged.company_id
WHERE judged.problem IS NOT NULL
ORDER BY is_warning, judged.created_at, judged.id
LIMIT :sample
