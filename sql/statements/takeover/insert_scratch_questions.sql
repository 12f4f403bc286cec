-- In content order, as every transaction inserts them: opposite orders deadlock.
INSERT INTO questions (company_id, content, created_at)
SELECT DISTINCT
    CAST(:company_id AS uuid),
    asked.content,
    CAST(:now AS timestamptz)
FROM scratch_questions AS asked
JOIN scratch_targets AS targets ON targets.chat = asked.chat AND targets.takes_analysis
ORDER BY asked.content
ON CONFLICT (company_id, content) DO NOTHING
