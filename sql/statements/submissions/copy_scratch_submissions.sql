COPY scratch_submissions FROM STDIN
