UPDATE messages
SET content = kept.content
FROM scratch_restorations AS decided
JOIN scratch_message_copies AS kept ON kept.session_id = decided.session_id
WHERE
    decided.restores_messages
    AND messages.session_id = kept.session_id
    AND messages.position = kept.position
    AND messages.content IS NULL
    AND kept.content IS NOT NULL
