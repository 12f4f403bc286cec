-- Staged lines that the service refused, by its own words.
SELECT
    error_code,
    error_message,
    count(*) AS lines
FROM staged_results
WHERE outcome = 'rejected'
GROUP BY error_code, error_message
ORDER BY count(*) DESC, error_code ASC, error_message ASC
