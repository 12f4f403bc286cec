-- Batches of the ledger that are under way with nothing but turns whose answers are wanted so soon that there is just time to
-- cancel, to settle and to ask by calls: of one chat batch, or of all. One that also asks about others is left alone.
SELECT DISTINCT
    turns.batch_id AS chat_batch_id,
    running.id
FROM chat_batches AS batches
JOIN chats ON chats.batch_id = batches.id AND chats.state = 'PROCESSING' AND chats.tier = 'batch'
JOIN chat_interactions AS turns ON turns.chat_id = chats.id AND turns.outcome_code IS NULL
JOIN ai_processing_requests AS requests
    ON
        requests.subject_id = turns.id
        AND requests.processing_type = 'chat_turn'
        AND requests.processing_status = 'BATCHING_IN_PROGRESS'
JOIN ai_batch_requests AS running
    ON
        running.id = requests.batch_id
        AND running.cancel_requested_at IS NULL
        AND running.processed_at IS NULL
        AND running.status = ANY(:live_batches)
WHERE
    batches.status = 'PROCESSING'
    AND batches.mode = 'auto'
    AND batches.due_at <= :now + CAST(:margin AS interval)
    AND (CAST(:batch_id AS uuid) IS NULL OR batches.id = :batch_id)
    AND NOT EXISTS (
        SELECT 1
        FROM ai_processing_requests AS others
        JOIN chat_interactions AS other_turns ON other_turns.id = others.chat_interaction_id
        JOIN chat_batches AS other_batches ON other_batches.id = other_turns.batch_id
        WHERE
            others.batch_id = running.id
            AND others.processing_status = 'BATCHING_IN_PROGRESS'
            AND (
                other_batches.status <> 'PROCESSING'
                OR other_batches.mode <> 'auto'
                OR other_batches.due_at IS NULL
                OR other_batches.due_at > :now + CAST(:margin AS interval)
            )
    )
ORDER BY turns.batch_id, running.id
