"""Chat batches: lists of questions, a conversation for each, asked in time slices or through the Batch API."""
