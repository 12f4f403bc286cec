-- Per working company, or for one: transcripts that could not be fetched and wait for another try or for a person, by cause.
SELECT
    companies.slug AS company,
    transcripts.error_code,
    count(*) AS transcripts
FROM transcripts
JOIN session_imports AS imports ON imports.id = transcripts.import_id
JOIN companies ON companies.id = imports.company_id
WHERE
    transcripts.status = 'FAILED'
    AND imports.erased_at IS NULL
    AND companies.slug = ANY(:slugs)
GROUP BY companies.slug, transcripts.error_code
ORDER BY companies.slug ASC, transcripts DESC, transcripts.error_code ASC
