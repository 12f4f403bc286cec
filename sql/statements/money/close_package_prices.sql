-- Ends each price of the package at the moment the next one of its model begins.
UPDATE ai_model_pricing AS price
SET effective_until = succession.next_from
FROM (
    SELECT
        id,
        lead(effective_from) OVER (PARTITION BY ai_model_id ORDER BY effective_from) AS next_from
    FROM ai_model_pricing
    WHERE split_part(source, ' ', 1) = :package AND superseded_at IS NULL
) AS succession
WHERE
    succession.id = price.id
    AND succession.next_from IS NOT NULL
    AND (price.effective_until IS NULL OR price.effective_until > succession.next_from)
