-- For this transaction only: a table that was vacuumed while it was empty is planned as empty, and a nested loop over it would
-- read again, for every staged row, all rows that the statement itself has inserted (20,000 rows: 5.2 s instead of 1.0 s).
SET LOCAL enable_nestloop = off
