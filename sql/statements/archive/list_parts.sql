-- Parts of the archive, oldest month first.
SELECT
    parts.id,
    parts.company_id,
    companies.slug AS company,
    parts.month,
    parts.number,
    parts.path,
    parts.sessions,
    parts.bytes,
    parts.manifest_sha256,
    parts.started_at,
    parts.written_at,
    parts.texts_deleted_at,
    parts.restored_at,
    parts.holds_erased
FROM archive_parts AS parts
JOIN companies ON companies.id = parts.company_id
WHERE
    (CAST(:company_id AS uuid) IS NULL OR parts.company_id = :company_id)
    AND (CAST(:month AS date) IS NULL OR parts.month = :month)
    AND (CAST(:part_id AS uuid) IS NULL OR parts.id = :part_id)
ORDER BY parts.month, companies.slug, parts.number
