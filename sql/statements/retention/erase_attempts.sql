-- What the service said when it refused may quote the chat. Outcomes, codes, tokens and costs of the ledger stay.
UPDATE ai_request_attempts AS attempts
SET error_message = NULL
FROM ai_processing_requests AS requests
JOIN scratch_erased_sessions ON scratch_erased_sessions.session_id = requests.session_id
WHERE requests.id = attempts.request_id AND attempts.error_message IS NOT NULL
