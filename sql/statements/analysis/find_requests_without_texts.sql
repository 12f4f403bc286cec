-- Pending requests about messages that were deleted. Nobody has anything deleted, nobody is looked up.
SELECT requests.id
FROM ai_processing_requests AS requests
WHERE
    requests.company_id = :company_id
    AND requests.processing_type = 'session_analysis'
    AND requests.processing_status = 'PENDING_BATCHING'
    AND EXISTS (
        SELECT 1 FROM prune_runs
        WHERE prune_runs.company_id = :company_id
    )
    AND (
        coalesce(
            (
                SELECT messages.content IS NULL
                FROM messages
                WHERE messages.session_id = requests.session_id
                ORDER BY messages.position
                LIMIT 1
            ), FALSE
        )
        OR coalesce(
            (
                SELECT imports.erased_at IS NOT NULL
                FROM sessions
                JOIN session_imports AS imports ON imports.id = sessions.import_id
                WHERE sessions.id = requests.session_id
            ), FALSE
        )
    )
ORDER BY requests.id
FOR UPDATE OF requests SKIP LOCKED
