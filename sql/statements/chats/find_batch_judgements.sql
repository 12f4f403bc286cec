-- The pairs that a batch of the ledger asks about, with what decides their lines, in id order of their requests.
SELECT
    requests.id,
    requests.transcript_hash,
    first.question,
    first.answer AS answer_a,
    CASE WHEN judgements.turn_b_id IS NULL THEN first.reference ELSE second.answer END AS answer_b
FROM ai_processing_requests AS requests
JOIN chat_judgements AS judgements ON judgements.id = requests.chat_judgement_id
JOIN chat_interactions AS first ON first.id = judgements.turn_a_id
LEFT JOIN chat_interactions AS second ON second.id = judgements.turn_b_id
WHERE requests.batch_id = :batch_id AND requests.id > :after_id
ORDER BY requests.id
LIMIT :most
