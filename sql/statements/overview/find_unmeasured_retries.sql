-- The next analyses of one company that are bought again and whose input nobody has measured.
SELECT eligible.session_id
FROM scratch_eligible_retries AS eligible
JOIN companies ON companies.id = eligible.company_id
WHERE companies.slug = :company AND eligible.token_estimate IS NULL AND eligible.session_id > :after_id
ORDER BY eligible.session_id
LIMIT :chunk_size
