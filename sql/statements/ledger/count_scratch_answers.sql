-- Requests with a line that was paid for, and those of them whose line cannot be read.
SELECT
    count(*) FILTER (WHERE outcome = ANY(:paid_outcomes)) AS paid,
    count(*) FILTER (WHERE error_code = 'unreadable_line') AS unreadable
FROM scratch_results
