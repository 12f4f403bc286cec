-- One line per request: the one that takes precedence (`JudgedLine`), of equals the first.
-- Lines about requests that are not of this batch are dropped as well; both are counted for the report.
WITH ranked AS (
    SELECT
        scratch_results.ctid AS place,
        attempts.request_id IS NULL AS is_unknown,
        row_number() OVER (
            PARTITION BY scratch_results.request_id
            ORDER BY scratch_results.precedence DESC, scratch_results.line_order ASC
        ) AS rank
    FROM scratch_results
    LEFT JOIN ai_request_attempts AS attempts
        ON attempts.batch_id = :batch_id AND attempts.request_id = scratch_results.request_id AND NOT attempts.is_late
),

dropped AS (
    DELETE FROM scratch_results
    USING ranked
    WHERE scratch_results.ctid = ranked.place AND (ranked.is_unknown OR ranked.rank > 1)
    RETURNING ranked.is_unknown
)

SELECT
    count(*) FILTER (WHERE is_unknown) AS unknown,
    count(*) FILTER (WHERE NOT is_unknown) AS repeated
FROM dropped
