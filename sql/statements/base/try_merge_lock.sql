-- Whoever merges counts does so alone, until the transaction ends; nobody waits for it.
SELECT pg_try_advisory_xact_lock(hashtextextended('livedash row counts', 0))
