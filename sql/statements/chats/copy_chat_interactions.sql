COPY chat_interactions (
    batch_id, chat_id, item_index, turn, row_index, source_line, cells, question, context, url, reference
) FROM STDIN
