DELETE FROM import_stage AS stage
USING import_repeats
WHERE import_repeats.line_number = stage.line_number
