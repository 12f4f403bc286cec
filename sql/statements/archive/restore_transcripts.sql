UPDATE transcripts
SET status = 'FETCHED', content = kept.transcript, updated_at = :now
FROM scratch_restorations AS decided
JOIN scratch_copies AS kept ON kept.session_id = decided.session_id
WHERE decided.restores_transcript AND transcripts.import_id = kept.import_id AND transcripts.status = 'PRUNED'
