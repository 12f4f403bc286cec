-- Makes the planner of this transaction read rows in the order of an index. It does not know that a walk ends after a page, nor
-- that a company's sessions may all be old ones, and would otherwise sort a million rows, or read past as many of others.
SELECT
    set_config('enable_seqscan', 'off', TRUE),
    set_config('enable_bitmapscan', 'off', TRUE),
    set_config('enable_sort', 'off', TRUE)
