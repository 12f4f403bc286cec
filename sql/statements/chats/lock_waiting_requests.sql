-- Requests of conversations that wait for a batch of the ledger. Claims that are under way are waited for, and later ones pass
-- these over.
SELECT requests.id
FROM chat_interactions AS turns
JOIN ai_processing_requests AS requests
    ON requests.subject_id = turns.id AND requests.processing_type = 'chat_turn'
WHERE
    turns.chat_id = ANY(CAST(:chat_ids AS uuid[]))
    AND requests.processing_status = 'PENDING_BATCHING'
ORDER BY requests.id
FOR UPDATE OF requests
