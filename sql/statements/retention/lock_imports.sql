-- The rows of some imports, locked in id order: whoever imports or fetches them waits.
SELECT imports.id
FROM session_imports AS imports
WHERE imports.id = ANY(CAST(:import_ids AS uuid[]))
ORDER BY imports.id
FOR UPDATE
