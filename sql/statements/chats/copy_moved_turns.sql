COPY chat_interactions (
    batch_id, chat_id, item_index, turn, row_index, source_line, cells, question, sources, outcome_code, error_message, answer,
    model, applied_overrides, input_tokens, output_tokens, started_at, completed_at, legacy_id
) FROM STDIN
