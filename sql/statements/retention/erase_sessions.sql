-- What the analysis says in words goes; its categories stay. Nothing is derived anew, so nothing is stale.
UPDATE sessions
SET
    initial_msg = NULL,
    ip_address = NULL,
    full_transcript_url = NULL,
    summary = NULL,
    stale = FALSE,
    updated_at = :now
FROM scratch_erased_sessions
WHERE sessions.id = scratch_erased_sessions.session_id
