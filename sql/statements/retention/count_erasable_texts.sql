-- What an erasure deletes, and how many of its sessions are being asked about at the service.
SELECT
    (SELECT count(*) FROM scratch_erased_sessions) AS sessions,
    (
        SELECT count(*)
        FROM scratch_erased_sessions
        JOIN ai_processing_requests AS requests ON requests.session_id = scratch_erased_sessions.session_id
        WHERE requests.processing_status = 'BATCHING_IN_PROGRESS'
    ) AS in_flight,
    (
        SELECT count(*)
        FROM scratch_erased_sessions
        JOIN transcripts ON transcripts.import_id = scratch_erased_sessions.import_id
        WHERE transcripts.status = 'FETCHED'
    ) AS transcripts,
    (
        SELECT count(*)
        FROM scratch_erased_sessions
        JOIN messages ON messages.session_id = scratch_erased_sessions.session_id
        WHERE messages.content IS NOT NULL
    ) + (
        SELECT count(*)
        FROM scratch_erased_sessions
        JOIN session_imports ON session_imports.id = scratch_erased_sessions.import_id
        WHERE session_imports.initial_message IS NOT NULL
    ) AS messages,
    (
        SELECT count(*)
        FROM scratch_erased_sessions
        JOIN ai_processing_requests AS requests ON requests.session_id = scratch_erased_sessions.session_id
        WHERE requests.raw_answer IS NOT NULL OR requests.parsed_answer IS NOT NULL
    ) AS answers,
    (
        SELECT count(*)
        FROM scratch_erased_sessions
        JOIN session_questions ON session_questions.session_id = scratch_erased_sessions.session_id
    ) AS questions,
    (
        SELECT count(*)
        FROM import_rejects
        WHERE
            import_rejects.company_id = :company_id
            AND import_rejects.raw_text ~ ANY(CAST(:patterns AS text[]))
    ) AS rejects
