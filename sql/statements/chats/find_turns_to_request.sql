-- Turns that are to be asked through the ledger's batches and have no request: the first without an end of each conversation.
SELECT
    turns.id,
    turns.chat_id,
    turns.turn,
    turns.question,
    turns.context,
    turns.url
FROM chats
JOIN LATERAL (
    SELECT inner_turns.*
    FROM chat_interactions AS inner_turns
    WHERE inner_turns.chat_id = chats.id AND inner_turns.outcome_code IS NULL
    ORDER BY inner_turns.turn
    LIMIT 1
) AS turns ON TRUE
WHERE
    chats.batch_id = :batch_id
    AND chats.state = 'PROCESSING'
    AND chats.tier = 'batch'
    AND NOT EXISTS (
        SELECT 1
        FROM ai_processing_requests AS requests
        WHERE
            requests.subject_id = turns.id
            AND requests.processing_type = 'chat_turn'
            AND requests.processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')
    )
ORDER BY chats.item_index
LIMIT :most
