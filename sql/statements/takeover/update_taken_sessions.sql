-- The analysis of sessions that were here before it was.
UPDATE sessions
SET
    language = chats.analysis_language,
    sentiment = chats.analysis_sentiment,
    escalated = chats.analysis_escalated,
    forwarded_hr = chats.analysis_forwarded_hr,
    category = chats.analysis_category,
    summary = chats.analysis_summary,
    analysed_at = chats.analysed_at,
    updated_at = :now
FROM scratch_chats AS chats
JOIN scratch_targets AS targets ON targets.chat = chats.chat
WHERE
    sessions.id = targets.session_id
    AND targets.takes_analysis
    AND NOT targets.session_is_new
    AND chats.analysed_at IS NOT NULL
