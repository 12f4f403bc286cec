-- Batches of which lines were answered on another tier than that of batches since a moment (`charged_tier`). The lines by
-- themselves first: they are few and have an index, which a planner that has to group by batch passes over.
WITH others AS MATERIALIZED (
    SELECT
        lines.batch_id,
        lower(btrim(lines.service_tier)) AS tier
    FROM ai_request_attempts AS lines
    WHERE
        lines.batch_id IS NOT NULL
        AND lower(btrim(lines.service_tier)) NOT IN ('', 'auto', 'default', 'standard', 'batch')
        AND lines.settled_at >= :since
)

SELECT
    others.batch_id,
    'answered on the tier ' || others.tier || ': ' || count(*) AS problem
FROM others
GROUP BY others.batch_id, others.tier
ORDER BY others.batch_id
LIMIT 1000
