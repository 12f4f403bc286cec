-- The counterpart of `take_move_lock`.
SELECT pg_advisory_unlock(hashtextextended('livedash move', 0))
