-- Records whose id a later record of the same file has, with the line of the one that counts.
CREATE TEMPORARY TABLE scratch_import_repeats ON COMMIT DROP AS
SELECT
    stage.line_number,
    stage.line_count,
    repeated.last_line
FROM scratch_imports AS stage
JOIN (
    SELECT
        external_session_id,
        max(line_number) AS last_line
    FROM scratch_imports
    GROUP BY external_session_id
    HAVING count(*) > 1
) AS repeated
    ON repeated.external_session_id = stage.external_session_id
WHERE stage.line_number < repeated.last_line
