-- Questions and answers of a chat batch, or of some of its conversations, that are there.
SELECT
    count(*) FILTER (WHERE turns.question <> '') AS questions,
    count(*) FILTER (WHERE turns.answer IS NOT NULL) AS answers
FROM chat_interactions AS turns
WHERE
    turns.batch_id = :batch_id
    AND (CAST(:chat_ids AS uuid[]) IS NULL OR turns.chat_id = ANY(CAST(:chat_ids AS uuid[])))
