-- A PENDING row for every stage at which some imports have none; an absent row means the same and is as good.
INSERT INTO session_processing_status (import_id, stage)
SELECT
    imports.id,
    processing_stages.name
FROM session_imports AS imports
CROSS JOIN processing_stages
WHERE imports.id = ANY(CAST(:import_ids AS uuid[]))
ORDER BY imports.id, processing_stages.position
ON CONFLICT (import_id, stage) DO NOTHING
