-- The next failed requests whose last try was paid for and had no usable answer, in id order.
SELECT id
FROM ai_processing_requests
WHERE
    processing_type = 'session_analysis'
    AND processing_status = 'PROCESSING_FAILED'
    AND error_code = ANY(CAST(:outcomes AS text[]))
    AND id > :after_id
    AND (CAST(:company_id AS uuid) IS NULL OR company_id = :company_id)
ORDER BY processing_status, id
LIMIT :chunk_size
