-- `lock_derivation` of every company whose stages are tried again, in one order: a deletion of texts that is under way is waited
-- for, so that what it takes away is not taken for there, and one that comes later finds the stage waiting.
SELECT pg_advisory_xact_lock(hashtextextended('derive_sessions:' || CAST(owners.company_id AS text), 0))
FROM (
    SELECT DISTINCT imports.company_id
    FROM session_imports AS imports
    WHERE imports.id IN (SELECT scratch_retries.import_id FROM scratch_retries)
    ORDER BY imports.company_id
    OFFSET 0
) AS owners
