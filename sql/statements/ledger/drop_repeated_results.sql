-- One line per request: the one that takes precedence (`JudgedLine`), of equals the first.
-- Lines about requests that are not of this batch are dropped as well; both are counted for the report.
WITH ranked AS (
    SELECT
        staged_results.ctid AS place,
        attempts.request_id IS NULL AS stranger,
        row_number() OVER (
            PARTITION BY staged_results.request_id
            ORDER BY staged_results.precedence DESC, staged_results.line_order ASC
        ) AS rank
    FROM staged_results
    LEFT JOIN ai_request_attempts AS attempts
        ON attempts.batch_id = :batch_id AND attempts.request_id = staged_results.request_id AND NOT attempts.is_late
),

dropped AS (
    DELETE FROM staged_results
    USING ranked
    WHERE staged_results.ctid = ranked.place AND (ranked.stranger OR ranked.rank > 1)
    RETURNING ranked.stranger
)

SELECT
    count(*) FILTER (WHERE stranger) AS strangers,
    count(*) FILTER (WHERE NOT stranger) AS repeated
FROM dropped
