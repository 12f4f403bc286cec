-- The turns that a batch of the ledger asks, with what decides their lines, in id order of their requests.
SELECT
    requests.id,
    requests.input_hash,
    turns.chat_id,
    turns.turn,
    turns.question,
    turns.context,
    turns.url,
    turns.sources,
    turns.batch_id
FROM ai_processing_requests AS requests
JOIN chat_interactions AS turns ON turns.id = requests.chat_interaction_id
WHERE requests.batch_id = :batch_id AND requests.id > :after_id
ORDER BY requests.id
LIMIT :most
