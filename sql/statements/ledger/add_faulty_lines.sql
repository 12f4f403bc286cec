-- Requests whose lines the validation named: line n of the input file is the n-th request of the batch in id order.
WITH numbered AS (
    SELECT
        attempts.request_id,
        row_number() OVER (ORDER BY attempts.request_id) AS line
    FROM ai_request_attempts AS attempts
    WHERE attempts.batch_id = :batch_id
),

faults AS (
    SELECT DISTINCT ON (given.line)
        given.line,
        given.code,
        given.message
    FROM
        unnest(
            CAST(:lines AS integer[]), CAST(:codes AS text[]), CAST(:messages AS text[])
        ) AS given (line, code, message)
    ORDER BY given.line, given.code
)

INSERT INTO scratch_results (request_id, outcome, counted_release, error_code, error_message)
SELECT
    numbered.request_id,
    'rejected',
    false,
    faults.code,
    faults.message
FROM faults
JOIN numbered ON numbered.line = faults.line
