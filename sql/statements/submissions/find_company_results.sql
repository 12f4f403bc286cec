-- Analysed sessions of a company in the order of their analysis, from a place on and up to a moment.
SELECT
    sessions.id AS session_id,
    imports.external_session_id,
    sessions.start_time,
    sessions.end_time,
    sessions.analysed_at,
    sessions.language,
    sessions.sentiment,
    sessions.escalated,
    sessions.forwarded_hr,
    sessions.category,
    sessions.summary,
    ARRAY(
        SELECT questions.content
        FROM session_questions
        JOIN questions ON questions.id = session_questions.question_id
        WHERE session_questions.session_id = sessions.id
        ORDER BY session_questions.position
    ) AS questions
FROM sessions
JOIN session_imports AS imports ON imports.id = sessions.import_id
WHERE
    sessions.company_id = :company_id
    AND (sessions.analysed_at, sessions.id) > (CAST(:after_at AS timestamptz), CAST(:after_id AS uuid))
    AND sessions.analysed_at < :horizon
    AND imports.erased_at IS NULL
ORDER BY sessions.analysed_at, sessions.id
LIMIT :page_size
