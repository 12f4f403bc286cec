UPDATE sessions
SET
    language = scratch_answers.answer ->> 'language',
    sentiment = scratch_answers.answer ->> 'sentiment',
    escalated = (scratch_answers.answer ->> 'escalated')::boolean,
    forwarded_hr = (scratch_answers.answer ->> 'forwarded_hr')::boolean,
    category = scratch_answers.answer ->> 'category',
    summary = scratch_answers.answer ->> 'summary',
    analysed_at = :now,
    updated_at = :now
FROM scratch_answers
WHERE sessions.id = scratch_answers.session_id
