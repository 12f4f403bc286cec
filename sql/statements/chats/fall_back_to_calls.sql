-- Conversations that went through the Batch API wait to be asked by calls, save those that a batch of the ledger is asking about.
-- Their requests are calls' from now on: no batch claims what this statement has changed.
WITH named AS (
    SELECT chats.id
    FROM chats
    WHERE
        chats.id = ANY(CAST(:chat_ids AS uuid[]))
        AND chats.state = 'PROCESSING'
        AND chats.tier = 'batch'
        AND NOT EXISTS (
            SELECT 1
            FROM chat_interactions AS turns
            JOIN ai_processing_requests AS requests
                ON requests.subject_id = turns.id AND requests.processing_type = 'chat_turn'
            WHERE turns.chat_id = chats.id AND requests.processing_status = 'BATCHING_IN_PROGRESS'
        )
),

taken AS (
    UPDATE ai_processing_requests AS requests
    SET by_call = TRUE, processing_status = 'BATCHING_IN_PROGRESS', updated_at = :now
    FROM chat_interactions AS turns
    WHERE
        turns.chat_id IN (SELECT named.id FROM named)
        AND requests.subject_id = turns.id
        AND requests.processing_type = 'chat_turn'
        AND requests.processing_status = 'PENDING_BATCHING'
)

UPDATE chats
SET
    state = 'PENDING',
    tier = NULL,
    -- The wave was no call: all tries are left for these.
    attempts = 0,
    next_try_at = NULL
FROM named
WHERE chats.id = named.id
RETURNING chats.id
