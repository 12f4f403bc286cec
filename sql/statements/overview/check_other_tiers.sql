-- Batches of which lines were answered on another tier than that of batches since a moment (`charged_tier`).
SELECT
    lines.batch_id,
    'answered on the tier ' || lower(btrim(lines.service_tier)) || ': ' || count(*) AS problem
FROM ai_request_attempts AS lines
WHERE
    lines.batch_id IS NOT NULL
    AND lower(btrim(lines.service_tier)) NOT IN ('', 'auto', 'default', 'standard', 'batch')
    AND lines.settled_at >= :since
GROUP BY lines.batch_id, lower(btrim(lines.service_tier))
ORDER BY lines.batch_id
LIMIT 1000
