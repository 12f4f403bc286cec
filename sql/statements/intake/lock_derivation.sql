-- Derivations of one company take turns, transaction by transaction: a new session has no row yet that could be locked.
SELECT pg_advisory_xact_lock(hashtextextended('derive_sessions:' || CAST(:company_id AS text), 0))
