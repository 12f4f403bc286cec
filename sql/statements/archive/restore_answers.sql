UPDATE ai_processing_requests AS requests
SET raw_answer = kept.raw_answer, parsed_answer = kept.parsed_answer::jsonb, updated_at = :now
FROM scratch_restorations AS decided
JOIN scratch_request_copies AS kept ON kept.session_id = decided.session_id
WHERE
    decided.restores_answers
    AND requests.id = kept.id
    AND requests.raw_answer IS NULL
    AND requests.parsed_answer IS NULL
    AND num_nonnulls(kept.raw_answer, kept.parsed_answer) > 0
