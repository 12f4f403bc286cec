-- Sessions that are not done. Done means COMPLETED, FAILED or SKIPPED at every stage, or PENDING behind a FAILED one.
SELECT count(DISTINCT session_stages.import_id)
FROM session_stages
WHERE
    (CAST(:company_id AS uuid) IS NULL OR session_stages.company_id = :company_id)
    AND (
        session_stages.status = 'IN_PROGRESS'
        OR (
            session_stages.status = 'PENDING'
            AND NOT EXISTS (
                SELECT 1
                FROM session_processing_status AS earlier
                JOIN processing_stages ON processing_stages.name = earlier.stage
                WHERE
                    earlier.import_id = session_stages.import_id
                    AND earlier.status = 'FAILED'
                    AND processing_stages.position < session_stages.position
            )
        )
    )
