-- Staged lines that the service refused when it ran them, by its own words: what validation refused has no status.
SELECT
    error_code,
    error_message,
    count(*) AS lines
FROM scratch_results
WHERE outcome = 'rejected' AND http_status IS NOT NULL
GROUP BY error_code, error_message
ORDER BY count(*) DESC, error_code ASC, error_message ASC
