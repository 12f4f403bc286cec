-- Sessions that have to be made anew once their request in flight is settled.
UPDATE sessions
SET stale = true, updated_at = :now
WHERE sessions.id = ANY(CAST(:session_ids AS uuid[])) AND NOT sessions.stale
