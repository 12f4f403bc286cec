-- Sessions that are named one by one for the `prune_*` statements, with all their kinds of text.
CREATE TEMPORARY TABLE scratch_prunable_sessions ON COMMIT DROP AS
SELECT
    sessions.import_id,
    sessions.id AS session_id,
    TRUE AS prunes_transcript,
    TRUE AS prunes_messages,
    TRUE AS prunes_answers
FROM sessions
WHERE sessions.id = ANY(CAST(:session_ids AS uuid[]))
