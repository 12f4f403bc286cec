-- The next sessions of a company whose chats began in a span of time, in the order of their beginning.
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
WHERE
    states.company_id = :company_id
    AND states.start_time >= :start_time
    AND states.start_time < :end_time
    AND (states.start_time, states.session_id) > (:after_time, CAST(:after_id AS uuid))
ORDER BY states.start_time, states.session_id
LIMIT :most
