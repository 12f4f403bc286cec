COPY staged_submissions FROM STDIN
