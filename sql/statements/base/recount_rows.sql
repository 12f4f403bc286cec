-- Adds to the kept counts what they differ by from the rows: rows that are written meanwhile add their own share.
INSERT INTO kept_counts (table_name, company_id, kind, status, found)
SELECT
    differing.table_name,
    differing.company_id,
    differing.kind,
    differing.status,
    differing.found
FROM included.base.find_count_differences AS differing
