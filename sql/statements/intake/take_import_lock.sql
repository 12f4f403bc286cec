SELECT pg_try_advisory_lock(hashtextextended('livedash import ' || CAST(:company_id AS text), 0))
