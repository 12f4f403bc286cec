-- The judgements of all requests that were tried in a batch of the ledger, in id order.
SELECT judgements.id
FROM chat_judgements AS judgements
WHERE
    judgements.id IN (
        SELECT requests.chat_judgement_id
        FROM ai_request_attempts AS tried
        JOIN ai_processing_requests AS requests ON requests.id = tried.request_id
        WHERE tried.batch_id = :batch_id
    )
ORDER BY judgements.id
FOR NO KEY UPDATE
