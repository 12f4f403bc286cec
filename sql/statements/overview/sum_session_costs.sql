-- Euro that the batches about sessions have cost, with what no line states and surplus beside them.
SELECT coalesce(sum(entries.cost_eur), 0) AS cost_eur
FROM cost_entries AS entries
WHERE entries.batch_id IS NOT NULL AND entries.processing_type = 'session_analysis'
