-- Conversations that go through the Batch API though its window is no longer over by the time their answers are wanted, and
-- that no batch of the ledger is asking about: of one batch, or of all.
SELECT
    chats.id,
    chats.batch_id
FROM chat_batches AS batches
JOIN chats ON chats.batch_id = batches.id
CROSS JOIN
    LATERAL (
        SELECT
            count(*) AS turns_left,
            coalesce(
                bool_or(
                    EXISTS (
                        SELECT 1
                        FROM ai_processing_requests AS requests
                        WHERE
                            requests.subject_id = turns.id
                            AND requests.processing_type = 'chat_turn'
                            AND requests.processing_status = 'BATCHING_IN_PROGRESS'
                    )
                ),
                FALSE
            ) AS is_asked
        FROM chat_interactions AS turns
        WHERE turns.chat_id = chats.id AND turns.outcome_code IS NULL
    ) AS ahead
WHERE
    batches.status = 'PROCESSING'
    AND batches.mode = 'auto'
    AND batches.due_at IS NOT NULL
    AND (CAST(:batch_id AS uuid) IS NULL OR batches.id = :batch_id)
    AND chats.state = 'PROCESSING'
    AND chats.tier = 'batch'
    AND ahead.turns_left > 0
    AND NOT ahead.is_asked
    AND :now + ahead.turns_left * CAST(:each_turn AS interval) > batches.due_at
ORDER BY chats.batch_id, chats.item_index
LIMIT :most
