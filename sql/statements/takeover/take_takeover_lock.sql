-- The right to take an existing LiveDash database over. That database is asked for the same lock: who cannot have it there is
-- connected to ours.
SELECT pg_try_advisory_lock(hashtextextended('livedash move', 0))
