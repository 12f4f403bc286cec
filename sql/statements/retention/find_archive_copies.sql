-- Parts of the archive whose files hold erased sessions.
SELECT
    archive_parts.id AS part_id,
    archive_parts.path,
    count(*) AS sessions
FROM scratch_erased_sessions
JOIN archived_sessions ON archived_sessions.import_id = scratch_erased_sessions.import_id
JOIN archive_parts ON archive_parts.id = archived_sessions.part_id
GROUP BY archive_parts.id
ORDER BY archive_parts.id
