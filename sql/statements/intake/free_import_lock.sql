-- The counterpart of `take_import_lock`.
SELECT pg_advisory_unlock(hashtextextended('livedash import ' || CAST(:company_id AS text), 0))
