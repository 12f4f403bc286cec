-- Stages of chats that are new here as they stand now, an absent row as PENDING.
SELECT
    stages.name AS stage,
    coalesce(stored.status, 'PENDING') AS status,
    count(*) AS chats
FROM scratch_targets AS targets
JOIN scratch_chats AS chats ON chats.chat = targets.chat
CROSS JOIN processing_stages AS stages
LEFT JOIN session_processing_status AS stored ON stored.import_id = targets.import_id AND stored.stage = stages.name
WHERE targets.import_is_new AND (targets.session_is_new OR chats.session_id IS NULL)
GROUP BY stages.name, coalesce(stored.status, 'PENDING')
