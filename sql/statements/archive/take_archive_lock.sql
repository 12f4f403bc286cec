SELECT pg_try_advisory_lock(hashtextextended('livedash archive ' || CAST(:company_id AS text), 0))
