CREATE TEMPORARY TABLE scratch_import_rejects (
    line_number integer NOT NULL,
    raw_text text NOT NULL,
    reason text NOT NULL,
    detail text
) ON COMMIT DROP
