-- The counterpart of `take_takeover_lock`.
SELECT pg_advisory_unlock(hashtextextended('livedash move', 0))
