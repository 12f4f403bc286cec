-- Pending requests about pairs that are not what they were when they were asked for: an answer was bought again, or is gone.
SELECT requests.id
FROM ai_processing_requests AS requests
JOIN chat_judgement_subjects AS subjects ON subjects.subject_id = requests.chat_judgement_id
WHERE
    requests.company_id = :company_id
    AND requests.processing_type = 'chat_judgement'
    AND requests.processing_status = 'PENDING_BATCHING'
    AND requests.transcript_hash <> subjects.current_hash
ORDER BY requests.id
FOR UPDATE OF requests SKIP LOCKED
