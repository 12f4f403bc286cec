DELETE FROM questions
WHERE
    questions.id = ANY(CAST(:question_ids AS uuid[]))
    AND NOT EXISTS (
        SELECT 1 FROM session_questions
        WHERE session_questions.question_id = questions.id
    )
