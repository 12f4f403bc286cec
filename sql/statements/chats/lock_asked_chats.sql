-- The conversations of all turns that were tried in a batch of the ledger, in id order, after their batches.
SELECT chats.id
FROM chats
WHERE
    chats.id IN (
        SELECT turns.chat_id
        FROM ai_request_attempts AS attempts
        JOIN ai_processing_requests AS requests ON requests.id = attempts.request_id
        JOIN chat_interactions AS turns ON turns.id = requests.chat_interaction_id
        WHERE attempts.batch_id = :batch_id
    )
ORDER BY chats.id
FOR UPDATE
