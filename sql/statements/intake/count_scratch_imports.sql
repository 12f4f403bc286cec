SELECT
    records.staged,
    records.unread,
    (SELECT count(*) FROM scratch_import_rejects) AS rejected,
    (SELECT mode() WITHIN GROUP (ORDER BY reason) FROM scratch_import_rejects) AS commonest_reason
FROM (
    SELECT
        count(*) AS staged,
        count(scratch_imports.unread) AS unread
    FROM scratch_imports
) AS records
