-- How large failed requests are that are to wait again, per company, model, kind and version; the model that the company has by
-- now; and how many of them ask about another input than their subject has by now, which may be longer.
SELECT
    requests.company_id,
    requests.model,
    ai_models.name AS company_model,
    requests.processing_type,
    requests.prompt_version,
    count(*) AS requests,
    sum(requests.token_estimate)::bigint AS token_estimate,
    sum(requests.body_bytes)::bigint AS body_bytes,
    max(requests.token_estimate) AS most_tokens,
    max(requests.max_output_tokens) AS most_output_tokens,
    count(*) FILTER (WHERE requests.transcript_hash IS DISTINCT FROM subject.current_hash) AS outdated
FROM ai_processing_requests AS requests
LEFT JOIN company_ai_models AS chosen ON chosen.company_id = requests.company_id AND chosen.is_default
LEFT JOIN ai_models ON ai_models.id = chosen.ai_model_id
CROSS JOIN LATERAL request_subject(requests.processing_type, requests.subject_id) AS subject
WHERE requests.id = ANY(CAST(:request_ids AS uuid[]))
GROUP BY 1, 2, 3, 4, 5
ORDER BY 1, 2, 3, 4, 5
