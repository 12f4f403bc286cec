SELECT
    line_number,
    raw_text,
    reason,
    detail
FROM scratch_import_rejects
ORDER BY line_number
LIMIT :most
