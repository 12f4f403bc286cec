SELECT
    line_number,
    line_count,
    last_line
FROM scratch_import_repeats
WHERE line_number > :after
ORDER BY line_number
LIMIT :page_size
