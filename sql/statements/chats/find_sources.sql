-- Passages of a company that share words with a question, the best first: documents that were loaded for it, and what its earlier
-- batches answered. A question's words are joined by "or": whole sentences are asked, and hardly a passage holds all their words.
WITH wanted AS (
    SELECT CAST(replace(CAST(plainto_tsquery(CAST(:language AS regconfig), :question) AS text), '&', '|') AS tsquery) AS words
)

SELECT
    found.kind,
    found.id,
    found.title,
    found.url,
    found.text
FROM (
    SELECT
        'document' AS kind,
        documents.id::text AS id,
        documents.title,
        documents.url,
        documents.content AS text,
        ts_rank(documents.words, wanted.words) AS fit
    FROM chat_documents AS documents
    CROSS JOIN wanted
    WHERE documents.company_id = :company_id AND documents.words @@ wanted.words
    UNION ALL
    SELECT
        'answer' AS kind,
        turns.id::text AS id,
        turns.question AS title,
        turns.url,
        turns.answer AS text,
        ts_rank(to_tsvector(CAST(:language AS regconfig), turns.question), wanted.words) AS fit
    FROM chat_interactions AS turns
    JOIN chat_batches AS batches ON batches.id = turns.batch_id
    CROSS JOIN wanted
    WHERE
        batches.company_id = :company_id
        AND batches.ended_at IS NOT NULL
        AND batches.page_language IS NOT DISTINCT FROM :page_language
        AND turns.outcome_code = 'answered'
        -- Not those whose texts were deleted.
        AND turns.answer IS NOT NULL
        AND to_tsvector(CAST(:language AS regconfig), turns.question) @@ wanted.words
) AS found
ORDER BY found.fit DESC, found.kind DESC, found.id ASC
LIMIT :most
