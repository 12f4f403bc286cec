-- Sessions that came in per UTC day, however they came in.
SELECT
    CAST(session_imports.created_at AT TIME ZONE 'UTC' AS date) AS entry_day,
    count(*) AS sessions
FROM session_imports
WHERE session_imports.created_at >= :since AND session_imports.created_at < :until
GROUP BY 1
