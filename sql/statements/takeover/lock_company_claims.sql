-- Waits for claims of a company that are being made, and keeps new ones out until the end of the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('livedash claims ' || CAST(:company_id AS text), 0))
