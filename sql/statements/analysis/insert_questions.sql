-- In content order, as every transaction inserts them: opposite orders deadlock.
INSERT INTO questions (company_id, content, created_at)
SELECT DISTINCT
    staged_answers.company_id,
    asked.content,
    CAST(:now AS timestamptz)
FROM staged_answers
CROSS JOIN LATERAL jsonb_array_elements_text(staged_answers.answer -> 'questions') AS asked (content)
ORDER BY staged_answers.company_id, asked.content
ON CONFLICT (company_id, content) DO NOTHING
