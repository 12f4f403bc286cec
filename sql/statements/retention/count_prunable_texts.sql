-- What `prune_transcripts`, `prune_messages`, `prune_initial_messages` and `prune_answers` would delete. The first message that
-- a row of the CSV quotes counts as a message; its copy in `sessions` does not.
SELECT
    (
        SELECT count(*)
        FROM scratch_prunable_sessions
        JOIN transcripts ON transcripts.import_id = scratch_prunable_sessions.import_id
        WHERE scratch_prunable_sessions.prunes_transcript AND transcripts.status = 'FETCHED'
    ) AS transcripts,
    (
        SELECT count(*)
        FROM scratch_prunable_sessions
        JOIN messages ON messages.session_id = scratch_prunable_sessions.session_id
        WHERE scratch_prunable_sessions.prunes_messages AND messages.content IS NOT NULL
    ) + (
        SELECT count(*)
        FROM scratch_prunable_sessions
        JOIN session_imports ON session_imports.id = scratch_prunable_sessions.import_id
        WHERE scratch_prunable_sessions.prunes_messages AND session_imports.initial_message IS NOT NULL
    ) AS messages,
    (
        SELECT count(*)
        FROM scratch_prunable_sessions
        JOIN ai_processing_requests AS requests ON requests.session_id = scratch_prunable_sessions.session_id
        WHERE
            scratch_prunable_sessions.prunes_answers
            AND (requests.raw_answer IS NOT NULL OR requests.parsed_answer IS NOT NULL)
    ) AS answers
