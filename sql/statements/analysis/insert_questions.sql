-- In content order, as every transaction inserts them: opposite orders deadlock.
INSERT INTO questions (company_id, content, created_at)
SELECT DISTINCT
    scratch_answers.company_id,
    asked.content,
    CAST(:now AS timestamptz)
FROM scratch_answers
CROSS JOIN LATERAL jsonb_array_elements_text(scratch_answers.answer -> 'questions') AS asked (content)
ORDER BY scratch_answers.company_id, asked.content
ON CONFLICT (company_id, content) DO NOTHING
