COPY scratch_imports FROM STDIN (NULL '')
