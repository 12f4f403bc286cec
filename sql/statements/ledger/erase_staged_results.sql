-- Answers about sessions that were erased while they were at the service: outcome, tokens and cost are taken in, words are not.
UPDATE staged_results
SET is_erased = true, error_message = null, raw_answer = null, parsed_answer = null
FROM ai_processing_requests AS requests
JOIN sessions ON sessions.id = requests.session_id
JOIN session_imports AS imports ON imports.id = sessions.import_id
WHERE requests.id = staged_results.request_id AND imports.erased_at IS NOT null
