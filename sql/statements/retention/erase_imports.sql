-- From here on, what sources say about these sessions is not taken in again. The address of a transcript can name a person.
UPDATE session_imports
SET
    erased_at = coalesce(session_imports.erased_at, :now),
    initial_message = NULL,
    ip_address = NULL,
    full_transcript_url = NULL,
    unread = NULL,
    extra = NULL,
    updated_at = :now
FROM scratch_erased_sessions
WHERE session_imports.id = scratch_erased_sessions.import_id
