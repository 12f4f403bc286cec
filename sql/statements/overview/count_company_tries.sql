-- Tries of a company's requests: each of them is one entry of what costs money, in flight or not.
SELECT CAST(coalesce(sum(sums.entries), 0) AS bigint)
FROM included.ledger.find_spend_sums AS sums
WHERE sums.company_id = :company_id AND sums.entry IN ('line', 'call', 'taken_over')
