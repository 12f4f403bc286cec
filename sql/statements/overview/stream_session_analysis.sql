-- The view that people read, with the columns of a CSV that mean nothing to us, in the order of ids, for an export that never
-- holds all of it.
SELECT
    session_analysis.company,
    session_analysis.external_session_id,
    session_analysis.session_id,
    session_analysis.start_time,
    session_analysis.end_time,
    session_analysis.duration_seconds,
    session_analysis.country,
    session_analysis.messages_sent,
    session_analysis.avg_response_time,
    session_analysis.initial_msg,
    session_analysis.language,
    session_analysis.sentiment,
    session_analysis.escalated,
    session_analysis.forwarded_hr,
    session_analysis.category,
    session_analysis.summary,
    session_analysis.questions,
    session_analysis.analysed_at,
    session_analysis.analysis_status,
    session_analysis.total_cost_eur,
    imports.extra
FROM session_analysis
JOIN sessions ON sessions.id = session_analysis.session_id
JOIN session_imports AS imports ON imports.id = sessions.import_id
WHERE CAST(:company AS text) IS NULL OR session_analysis.company = :company
ORDER BY session_analysis.session_id
