-- The imports that ids of ours, ids of the source, or the address of a person name.
WITH used AS (
    SELECT known.id
    FROM session_imports AS known
    WHERE known.company_id = CAST(:company_id AS uuid) AND lower(btrim(known.ip_address)) = lower(CAST(:ip_address AS text))
    UNION
    SELECT derived.import_id
    FROM sessions AS derived
    WHERE derived.company_id = CAST(:company_id AS uuid) AND lower(btrim(derived.ip_address)) = lower(CAST(:ip_address AS text))
),

named AS (
    SELECT known.id
    FROM session_imports AS known
    WHERE known.id = ANY(CAST(:session_ids AS uuid[]))
    UNION
    SELECT derived.import_id
    FROM sessions AS derived
    WHERE derived.id = ANY(CAST(:session_ids AS uuid[]))
    UNION
    SELECT known.id
    FROM session_imports AS known
    WHERE
        known.company_id = CAST(:company_id AS uuid)
        AND known.external_session_id = ANY(CAST(:external_ids AS text[]))
    UNION
    SELECT used.id FROM used
)

SELECT
    imports.id AS import_id,
    sessions.id AS session_id,
    imports.company_id,
    companies.slug AS company,
    imports.external_session_id,
    coalesce(btrim(imports.full_transcript_url), '') AS transcript_url,
    used.id IS NOT NULL AS used_address
FROM named
JOIN session_imports AS imports ON imports.id = named.id
JOIN companies ON companies.id = imports.company_id
LEFT JOIN sessions ON sessions.import_id = imports.id
LEFT JOIN used ON used.id = imports.id
WHERE CAST(:company_id AS uuid) IS NULL OR imports.company_id = CAST(:company_id AS uuid)
ORDER BY imports.id
