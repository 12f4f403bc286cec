-- Questions and answers that a search showed with later questions of the company: the copies go, and that they were shown stays.
WITH erased AS (
    SELECT turns.id::text AS id
    FROM chat_interactions AS turns
    WHERE turns.batch_id = :batch_id AND turns.chat_id = ANY(CAST(:chat_ids AS uuid[]))
),

copied AS (
    SELECT
        turns.id,
        jsonb_agg(
            CASE
                WHEN erased.id IS NULL THEN shown.source
                ELSE shown.source || '{"title": "", "text": "", "url": null}'::jsonb
            END
            ORDER BY shown.place
        ) AS sources
    FROM chat_interactions AS turns
    JOIN chat_batches AS batches ON batches.id = turns.batch_id AND batches.company_id = :company_id
    CROSS JOIN jsonb_array_elements(turns.sources) WITH ORDINALITY AS shown (source, place)
    LEFT JOIN erased ON erased.id = shown.source ->> 'id' AND shown.source ->> 'kind' = 'answer'
    WHERE turns.sources <> '[]'
    GROUP BY turns.id
    HAVING count(erased.id) > 0
)

UPDATE chat_interactions AS turns
SET sources = copied.sources
FROM copied
WHERE turns.id = copied.id
