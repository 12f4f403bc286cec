-- Deletes some of the audit entries from before a moment, the oldest first.
WITH due AS MATERIALIZED (
    SELECT audit_log.id
    FROM audit_log
    WHERE audit_log.at < :before
    ORDER BY audit_log.at
    LIMIT :most
    FOR UPDATE SKIP LOCKED
)

DELETE FROM audit_log
USING due
WHERE audit_log.id = due.id
