-- What the analyses that are bought again have for input, per company: what their newest request was estimated at, where that
-- asked about the messages that the session still has.
SELECT
    companies.slug AS company,
    count(*) AS sessions,
    coalesce(sum(eligible.token_estimate), 0) AS token_estimate,
    coalesce(sum(eligible.body_bytes) FILTER (WHERE eligible.token_estimate IS NOT NULL), 0) AS body_bytes,
    coalesce(max(eligible.token_estimate), 0) AS longest,
    count(*) FILTER (WHERE eligible.token_estimate IS NULL) AS unknown
FROM scratch_eligible_retries AS eligible
JOIN companies ON companies.id = eligible.company_id
GROUP BY companies.slug
ORDER BY companies.slug
