-- The counterpart of `lock_company_claims`: claims share it, and none waits.
SELECT pg_try_advisory_xact_lock_shared(hashtextextended('livedash claims ' || CAST(:company_id AS text), 0))
