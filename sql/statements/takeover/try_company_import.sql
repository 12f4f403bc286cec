-- The lock of `take_import_lock`, held until the end of the transaction.
SELECT pg_try_advisory_xact_lock(hashtextextended('livedash import ' || CAST(:company_id AS text), 0))
