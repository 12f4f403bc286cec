-- Working companies with unclaimed requests for another model than they have now, or with another prompt. What waits is read once
-- and comes down to a few groups before anything is joined.
WITH waiting AS (
    SELECT DISTINCT
        requests.company_id,
        requests.model,
        requests.prompt_version
    FROM ai_processing_requests AS requests
    WHERE
        requests.processing_type = 'session_analysis'
        AND requests.processing_status = 'PENDING_BATCHING'
        AND (CAST(:company_id AS uuid) IS NULL OR requests.company_id = :company_id)
)

SELECT DISTINCT companies.slug
FROM waiting
JOIN companies ON companies.id = waiting.company_id AND companies.status = ANY(:working_companies)
LEFT JOIN company_ai_models AS chosen ON chosen.company_id = companies.id AND chosen.is_default
LEFT JOIN ai_models ON ai_models.id = chosen.ai_model_id
WHERE waiting.model <> coalesce(ai_models.name, :default_model) OR waiting.prompt_version <> :prompt_version
ORDER BY companies.slug
