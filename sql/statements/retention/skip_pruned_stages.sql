-- A row of the CSV that changes while its texts are being deleted may leave stages PENDING that nothing can do any more.
UPDATE session_processing_status AS stage_row
SET status = 'SKIPPED', error_message = :reason, started_at = :now, completed_at = :now
FROM session_imports AS imports
WHERE
    imports.company_id = :company_id
    AND imports.external_session_id > :after
    AND imports.external_session_id <= :until
    AND stage_row.import_id = imports.id
    AND stage_row.stage IN ('TRANSCRIPT_FETCH', 'SESSION_CREATION')
    AND stage_row.status = 'PENDING'
    AND (
        EXISTS (
            SELECT 1 FROM transcripts
            WHERE transcripts.import_id = imports.id AND transcripts.status = 'PRUNED'
        )
        OR EXISTS (
            SELECT 1
            FROM sessions
            JOIN messages ON messages.session_id = sessions.id
            WHERE sessions.import_id = imports.id AND messages.content IS NULL
        )
    )
