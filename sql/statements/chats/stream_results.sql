-- A row per row of the file, in its order: its cells, and what became of its question.
SELECT
    turns.row_index,
    turns.cells,
    chats.chat_id,
    turns.id AS interaction_id,
    chats.state AS chat_state,
    chats.outcome_code AS chat_code,
    chats.error_message AS chat_error,
    turns.outcome_code,
    turns.error_message,
    turns.question,
    turns.answer,
    turns.reference,
    turns.sources,
    turns.model,
    turns.applied_overrides,
    turns.input_tokens,
    turns.output_tokens,
    paid.cost_usd,
    paid.cost_eur,
    turns.started_at,
    turns.completed_at,
    chats.erased_at IS NOT NULL AS is_erased,
    batches.questions_deleted_at IS NOT NULL AS lost_questions,
    batches.answers_deleted_at IS NOT NULL AS lost_answers
FROM chat_interactions AS turns
JOIN chats ON chats.id = turns.chat_id
JOIN chat_batches AS batches ON batches.id = turns.batch_id
-- All tries of the question; null while a part is unknown.
CROSS JOIN
    LATERAL (
        SELECT
            CASE WHEN NOT bool_or(tried.is_open) THEN sum(tried.cost_usd) END AS cost_usd,
            CASE WHEN NOT bool_or(tried.is_open) THEN sum(tried.cost_eur) END AS cost_eur
        FROM ai_processing_requests AS requests
        CROSS JOIN
            LATERAL (
                SELECT
                    bool_or(entries.is_open) AS is_open,
                    sum(entries.cost_usd) AS cost_usd,
                    sum(entries.cost_eur) AS cost_eur
                FROM cost_entries AS entries
                WHERE entries.request_id = requests.id
            ) AS tried
        WHERE requests.subject_id = turns.id AND requests.processing_type = 'chat_turn'
    ) AS paid
WHERE turns.batch_id = :batch_id
ORDER BY turns.row_index
