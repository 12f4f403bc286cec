-- Deletes what people asked and what was shown with it: of a chat batch, or of some of its conversations. Rows, ids, codes,
-- hashes, tokens and costs stay. What a service said when it refused may quote the question.
WITH emptied AS (
    UPDATE chats
    SET error_message = NULL
    WHERE
        chats.batch_id = :batch_id
        AND (CAST(:chat_ids AS uuid[]) IS NULL OR chats.id = ANY(CAST(:chat_ids AS uuid[])))
        AND chats.error_message IS NOT NULL
)

UPDATE chat_interactions AS turns
SET
    question = '',
    cells = '{}',
    context = NULL,
    url = NULL,
    reference = NULL,
    sources = '[]',
    error_message = NULL
WHERE
    turns.batch_id = :batch_id
    AND (CAST(:chat_ids AS uuid[]) IS NULL OR turns.chat_id = ANY(CAST(:chat_ids AS uuid[])))
