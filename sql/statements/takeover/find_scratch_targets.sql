-- What has become of each moved chat; one without an import was refused, because its texts were deleted here on request, or
-- because its id is taken.
SELECT
    chats.chat,
    targets.import_id,
    coalesce(targets.import_is_new, FALSE) AS import_is_new,
    targets.session_id,
    coalesce(targets.session_is_new, FALSE) AS session_is_new,
    coalesce(targets.takes_analysis, FALSE) AS takes_analysis,
    known.erased_at IS NOT NULL AS is_erased
FROM scratch_chats AS chats
LEFT JOIN scratch_targets AS targets ON targets.chat = chats.chat
LEFT JOIN LATERAL (
    SELECT imports.erased_at
    FROM session_imports AS imports
    WHERE imports.company_id = :company_id AND imports.external_session_id = chats.external_session_id
    LIMIT 1
) AS known ON TRUE
ORDER BY chats.chat
