-- How some sessions stand now.
SELECT
    states.session_id,
    states.import_id,
    states.start_time,
    states.is_stale,
    states.is_erased,
    states.stages,
    states.has_open_request,
    states.is_fetch_due,
    states.is_derivation_due,
    states.text_bytes,
    states.is_archived
FROM included.archive.session_states AS states
WHERE states.session_id = ANY(CAST(:session_ids AS uuid[]))
