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
    turns.cost_usd,
    turns.cost_eur,
    turns.started_at,
    turns.completed_at,
    chats.erased_at IS NOT NULL AS is_erased,
    batches.questions_deleted_at IS NOT NULL AS lost_questions,
    batches.answers_deleted_at IS NOT NULL AS lost_answers
FROM chat_interactions AS turns
JOIN chats ON chats.id = turns.chat_id
JOIN chat_batches AS batches ON batches.id = turns.batch_id
WHERE turns.batch_id = :batch_id
ORDER BY turns.row_index
