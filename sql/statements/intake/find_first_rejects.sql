SELECT
    line_number,
    raw_text,
    reason,
    detail
FROM import_stage_rejects
ORDER BY line_number
LIMIT :most
