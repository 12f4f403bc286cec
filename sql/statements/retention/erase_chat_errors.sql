-- What the service said when it refused may quote the question. Outcomes, codes, tokens and costs of the ledger stay.
WITH asked AS (
    SELECT requests.id
    FROM ai_processing_requests AS requests
    JOIN chat_interactions AS turns ON turns.id = requests.chat_interaction_id
    WHERE turns.batch_id = :batch_id AND turns.chat_id = ANY(CAST(:chat_ids AS uuid[]))
),

emptied AS (
    UPDATE ai_processing_requests AS requests
    SET error_message = NULL, updated_at = :now
    FROM asked
    WHERE requests.id = asked.id AND requests.error_message IS NOT NULL
)

UPDATE ai_request_attempts AS attempts
SET error_message = NULL
FROM asked
WHERE attempts.request_id = asked.id AND attempts.error_message IS NOT NULL
