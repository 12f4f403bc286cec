UPDATE sessions
SET initial_msg = kept.initial_msg, updated_at = :now
FROM scratch_restorations AS decided
JOIN scratch_copies AS kept ON kept.session_id = decided.session_id
WHERE decided.restores_messages AND sessions.id = kept.session_id AND kept.initial_msg IS NOT NULL
