UPDATE session_imports
SET initial_message = kept.initial_message, unread = kept.unread::jsonb, extra = kept.extra::jsonb, updated_at = :now
FROM scratch_restorations AS decided
JOIN scratch_copies AS kept ON kept.session_id = decided.session_id
WHERE decided.restores_row AND session_imports.id = kept.import_id AND session_imports.erased_at IS NULL
