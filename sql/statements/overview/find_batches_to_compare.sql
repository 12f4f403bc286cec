-- Some batches whose sums are compared this time, so that all of them come in turn: from one time to the next the place moves on
-- by as many as are compared, in the order of their ids. How many depends on how large batches are, so that a look takes as long
-- on a large database as on a small one.
WITH sizes AS (
    SELECT
        count(*) AS batches,
        greatest(1, CAST(:most AS bigint) / greatest(1, CAST(avg(request_count) AS bigint))) AS compared
    FROM ai_batch_requests
)

SELECT numbered.id
FROM (
    SELECT
        batches.id,
        row_number() OVER (ORDER BY batches.id) - 1 AS place
    FROM ai_batch_requests AS batches
) AS numbered
CROSS JOIN sizes
WHERE
    -- Around the end.
    mod(numbered.place - mod(CAST(:turn AS bigint) * sizes.compared, sizes.batches) + sizes.batches, sizes.batches)
    < sizes.compared
UNION
-- What no batch explains is looked at every time.
SELECT marks.batch_id
FROM spend_marks AS marks
WHERE
    marks.batch_id IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM ai_batch_requests AS batches
        WHERE batches.id = marks.batch_id
    )
