COPY scratch_request_copies (id, session_id, input_hash, raw_answer, parsed_answer) FROM STDIN
