-- The chat batches of turns that were tried in a batch of the ledger, or of requests that are named, in id order.
SELECT batches.id
FROM chat_batches AS batches
WHERE
    batches.id IN (
        SELECT turns.batch_id
        FROM ai_processing_requests AS requests
        JOIN chat_interactions AS turns ON turns.id = requests.chat_interaction_id
        WHERE
            requests.id = ANY(CAST(:request_ids AS uuid[]))
            OR requests.id IN (
                SELECT tried.request_id
                FROM ai_request_attempts AS tried
                WHERE tried.batch_id = CAST(:batch_id AS uuid)
            )
    )
ORDER BY batches.id
FOR UPDATE
