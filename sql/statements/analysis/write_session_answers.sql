UPDATE sessions
SET
    language = staged_answers.answer ->> 'language',
    sentiment = staged_answers.answer ->> 'sentiment',
    escalated = (staged_answers.answer ->> 'escalated')::boolean,
    forwarded_hr = (staged_answers.answer ->> 'forwarded_hr')::boolean,
    category = staged_answers.answer ->> 'category',
    summary = staged_answers.answer ->> 'summary',
    analysed_at = :now,
    updated_at = :now
FROM staged_answers
WHERE sessions.id = staged_answers.session_id
