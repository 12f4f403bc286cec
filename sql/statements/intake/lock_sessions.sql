-- The sessions of some imports, locked in id order. The lock also keeps new requests for them out (their foreign key).
SELECT
    sessions.id AS session_id,
    sessions.import_id,
    sessions.row_hash,
    sessions.transcript_hash
FROM sessions
WHERE sessions.import_id = ANY(CAST(:import_ids AS uuid[]))
ORDER BY sessions.id
FOR UPDATE
