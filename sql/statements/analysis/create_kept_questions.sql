-- Questions of answers that complete requests kept, in the form of staged answers; the analysis itself stays as it is. An
-- answer that was taken over may hold what no answer of today does: it is cut to what the table of questions takes.
CREATE TEMPORARY TABLE scratch_answers ON COMMIT DROP AS
SELECT
    sessions.id AS session_id,
    sessions.import_id,
    sessions.company_id,
    requests.id AS request_id,
    requests.answer_flags,
    jsonb_build_object(
        'questions',
        coalesce(
            (
                SELECT jsonb_agg(left(btrim(asked.content), 500) ORDER BY asked.place)
                FROM
                    jsonb_array_elements_text(requests.parsed_answer -> 'questions')
                    WITH ORDINALITY AS asked (content, place)
                WHERE btrim(asked.content) <> ''
            ),
            '[]'::jsonb
        )
    ) AS answer
FROM ai_processing_requests AS requests
JOIN sessions ON sessions.id = requests.session_id
WHERE requests.id = ANY(CAST(:request_ids AS uuid[])) AND requests.processing_status = 'PROCESSING_COMPLETE'
