-- What a claim of one company, model and kind could take next, priced against a spending cap: how many are above it, the highest
-- price of those, and the price of the first one that is not.
WITH ready AS (
    SELECT
        requests.id,
        requests.reserved_eur
    FROM included.ledger.find_claimable_requests AS requests
)

SELECT
    count(*) FILTER (WHERE reserved_eur > :cap) AS above,
    max(reserved_eur) FILTER (WHERE reserved_eur > :cap) AS highest,
    (
        SELECT first_ready.reserved_eur FROM ready AS first_ready
        WHERE first_ready.reserved_eur <= :cap
        ORDER BY first_ready.id
        LIMIT 1
    ) AS first_within
FROM ready
