-- Answers about what was erased while they were at the service: outcome, tokens and cost are kept, words are not.
UPDATE scratch_results
SET is_erased = true, error_message = null, raw_answer = null, parsed_answer = null
FROM ai_processing_requests AS requests
CROSS JOIN LATERAL request_subject(requests.processing_type, requests.subject_id) AS subject
WHERE requests.id = scratch_results.request_id AND subject.is_erased
