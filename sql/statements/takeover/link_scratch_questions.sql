INSERT INTO session_questions (session_id, position, question_id)
SELECT
    targets.session_id,
    asked.position,
    known.id
FROM scratch_questions AS asked
JOIN scratch_targets AS targets ON targets.chat = asked.chat AND targets.takes_analysis
-- LATERAL with LIMIT: see find_due_transcripts.
JOIN LATERAL (
    SELECT questions.id
    FROM questions
    WHERE questions.company_id = :company_id AND questions.content = asked.content
    LIMIT 1
) AS known ON TRUE
