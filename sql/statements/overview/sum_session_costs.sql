-- Euro that the batches about sessions have cost, with what no line states and surplus beside them.
SELECT coalesce(sum(sums.cost_eur), 0) AS cost_eur
FROM included.ledger.find_spend_sums AS sums
WHERE sums.batch_id IS NOT NULL AND sums.processing_type = 'session_analysis'
