-- Deletes the texts of transcripts; hash, ETag and address stay, and PRUNED keeps them from being fetched again.
UPDATE transcripts
SET status = 'PRUNED', content = NULL, next_attempt_at = NULL, updated_at = :now
FROM scratch_prunable_sessions
WHERE
    transcripts.import_id = scratch_prunable_sessions.import_id
    AND transcripts.status = 'FETCHED'
    AND scratch_prunable_sessions.prunes_transcript
