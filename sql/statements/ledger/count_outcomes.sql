SELECT
    staged_results.outcome,
    count(*) AS requests
FROM staged_results
GROUP BY staged_results.outcome
