-- In content order, as every transaction inserts them: opposite orders deadlock.
INSERT INTO questions (company_id, content, created_at)
SELECT DISTINCT
    scratch_asked.company_id,
    scratch_asked.content,
    CAST(:now AS timestamptz)
FROM scratch_asked
ORDER BY scratch_asked.company_id, scratch_asked.content
ON CONFLICT (company_id, content) DO NOTHING
