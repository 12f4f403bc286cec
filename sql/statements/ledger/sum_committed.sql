-- Euro spent and the most that may be in flight, from kept sums and what they do not hold yet: of a company and of all (0 unless
-- they are asked for), since a moment and since a later one (0 unless it is later).
SELECT
    coalesce(sum(entries.committed_eur) FILTER (WHERE entries.company_id = :company_id), 0) AS company_eur,
    coalesce(
        sum(entries.committed_eur) FILTER (
            WHERE entries.company_id = :company_id
            AND CAST(:later AS timestamptz) > CAST(:since AS timestamptz)
            AND (entries.is_in_flight OR entries.incurred_at >= :later)
        ),
        0
    ) AS company_later_eur,
    coalesce(sum(entries.committed_eur) FILTER (WHERE CAST(:of_all AS boolean)), 0) AS total_eur,
    coalesce(
        sum(entries.committed_eur) FILTER (
            WHERE CAST(:of_all AS boolean)
            AND CAST(:later AS timestamptz) > CAST(:since AS timestamptz)
            AND (entries.is_in_flight OR entries.incurred_at >= :later)
        ),
        0
    ) AS total_later_eur
FROM included.ledger.find_committed_sums AS entries
WHERE CAST(:of_all AS boolean) OR entries.company_id = :company_id
