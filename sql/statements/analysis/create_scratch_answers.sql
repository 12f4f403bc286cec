-- Answers of a batch, or of named requests, that are to be written to their sessions: about the messages that these still have.
CREATE TEMPORARY TABLE scratch_answers ON COMMIT DROP AS
SELECT
    sessions.id AS session_id,
    sessions.import_id,
    sessions.company_id,
    requests.id AS request_id,
    requests.answer_flags,
    requests.parsed_answer AS answer
FROM ai_processing_requests AS requests
JOIN sessions ON sessions.id = requests.session_id
WHERE
    (requests.batch_id = CAST(:batch_id AS uuid) OR requests.id = ANY(CAST(:request_ids AS uuid[])))
    AND requests.processing_status = 'PROCESSING_COMPLETE'
    AND requests.parsed_answer IS NOT NULL
    AND requests.transcript_hash = sessions.transcript_hash
