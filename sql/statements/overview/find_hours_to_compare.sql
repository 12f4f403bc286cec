-- Some hours in which tries without a batch ended, in turn, as `find_batches_to_compare`. From hour to hour, each found through
-- the index: they are those of the ledger, and not those that have a sum.
WITH RECURSIVE hours AS (
    SELECT date_trunc('hour', min(tries.settled_at), 'UTC') AS settled_hour
    FROM ai_request_attempts AS tries
    WHERE tries.batch_id IS NULL
    UNION ALL
    SELECT (
        SELECT date_trunc('hour', min(tries.settled_at), 'UTC')
        FROM ai_request_attempts AS tries
        WHERE tries.batch_id IS NULL AND tries.settled_at >= hours.settled_hour + interval '1 hour'
    )
    FROM hours
    WHERE hours.settled_hour IS NOT NULL
),

numbered AS (
    SELECT
        hours.settled_hour,
        row_number() OVER (ORDER BY hours.settled_hour) - 1 AS place,
        count(*) OVER () AS found
    FROM hours
    WHERE hours.settled_hour IS NOT NULL
)

SELECT numbered.settled_hour
FROM numbered
WHERE mod(numbered.place - mod(CAST(:turn AS bigint) * :most, numbered.found) + numbered.found, numbered.found) < :most
