-- The counterpart of `take_archive_lock`.
SELECT pg_advisory_unlock(hashtextextended('livedash archive ' || CAST(:company_id AS text), 0))
