SELECT
    scratch_results.outcome,
    count(*) AS requests
FROM scratch_results
GROUP BY scratch_results.outcome
