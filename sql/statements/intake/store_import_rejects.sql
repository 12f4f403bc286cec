INSERT INTO import_rejects (company_id, import_run_id, line_number, raw_text, reason, detail)
SELECT
    :company_id,
    :import_run_id,
    line_number,
    raw_text,
    reason,
    detail
FROM scratch_import_rejects
ORDER BY line_number
