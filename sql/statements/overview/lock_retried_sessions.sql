-- Sessions before requests and stages, in id order, as derivation and settlement lock them.
SELECT count(*)
FROM (
    SELECT sessions.id
    FROM sessions
    WHERE sessions.id IN (SELECT scratch_retries.session_id FROM scratch_retries)
    ORDER BY sessions.id
    FOR NO KEY UPDATE
) AS locked
