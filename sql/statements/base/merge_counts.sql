-- Adds up what was counted since, so that there are few rows to read. Nobody waits: whoever counts only adds rows.
WITH merged AS (
    DELETE FROM kept_counts
    RETURNING table_name, company_id, kind, status, found
)

INSERT INTO kept_counts (table_name, company_id, kind, status, found)
SELECT
    merged.table_name,
    merged.company_id,
    merged.kind,
    merged.status,
    sum(merged.found)
FROM merged
GROUP BY 1, 2, 3, 4
HAVING sum(merged.found) <> 0
