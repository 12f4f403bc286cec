-- The transcripts of some imports, locked: a fetch that is under way waits, and then meets what became of them.
SELECT transcripts.import_id
FROM transcripts
WHERE transcripts.import_id = ANY(CAST(:import_ids AS uuid[]))
ORDER BY transcripts.import_id
FOR UPDATE
