-- What was asked for, what of it exists, and what of that may be tried again; each id counts once.
SELECT
    count(*) AS asked,
    count(staged.import_id) AS found,
    count(eligible.import_id) AS eligible
FROM scratch_retries AS staged
LEFT JOIN scratch_eligible_retries AS eligible ON eligible.import_id = staged.import_id
