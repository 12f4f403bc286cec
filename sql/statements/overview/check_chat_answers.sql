-- Turns with two complete answers: of one request, or of two.
SELECT
    companies.slug AS company,
    requests.chat_interaction_id AS turn,
    count(*) AS answers
FROM ai_request_attempts AS attempts
JOIN ai_processing_requests AS requests ON requests.id = attempts.request_id
JOIN companies ON companies.id = requests.company_id
WHERE requests.chat_interaction_id IS NOT NULL AND attempts.outcome = 'parsed'
GROUP BY companies.slug, requests.chat_interaction_id
HAVING count(*) > 1
ORDER BY requests.chat_interaction_id
LIMIT 100
