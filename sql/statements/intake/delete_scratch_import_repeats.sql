DELETE FROM scratch_imports AS stage
USING scratch_import_repeats
WHERE scratch_import_repeats.line_number = stage.line_number
