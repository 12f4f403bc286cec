-- Deletes the texts of records that an old import rejected; line, reason and detail stay.
WITH due AS (
    SELECT import_rejects.id
    FROM import_rejects
    JOIN import_runs ON import_runs.id = import_rejects.import_run_id
    WHERE
        import_rejects.company_id = :company_id
        AND import_rejects.raw_text <> ''
        AND import_runs.started_at < :before
),

emptied AS (
    UPDATE import_rejects
    SET raw_text = ''
    FROM due
    WHERE import_rejects.id = due.id AND NOT :dry_run
)

SELECT count(*) AS rejects FROM due
