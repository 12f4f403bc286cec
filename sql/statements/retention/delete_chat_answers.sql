-- Deletes what was answered, in the turns and in the ledger's requests about them: of a chat batch, or of some of its
-- conversations. Outcomes, tokens and costs stay.
WITH chosen AS (
    SELECT turns.id
    FROM chat_interactions AS turns
    WHERE
        turns.batch_id = :batch_id
        AND (CAST(:chat_ids AS uuid[]) IS NULL OR turns.chat_id = ANY(CAST(:chat_ids AS uuid[])))
),

forgotten AS (
    UPDATE ai_processing_requests AS requests
    SET raw_answer = NULL, parsed_answer = NULL, updated_at = :now
    FROM chosen
    WHERE
        requests.chat_interaction_id = chosen.id
        AND (requests.raw_answer IS NOT NULL OR requests.parsed_answer IS NOT NULL)
)

UPDATE chat_interactions AS turns
SET answer = NULL
FROM chosen
WHERE turns.id = chosen.id AND turns.answer IS NOT NULL
