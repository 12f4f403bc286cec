-- Notes which sessions a part holds, before its files have them.
INSERT INTO archived_sessions (import_id, part_id)
SELECT
    taken.import_id,
    :part_id
FROM unnest(CAST(:import_ids AS uuid[])) AS taken (import_id)
ON CONFLICT (import_id, part_id) DO NOTHING
