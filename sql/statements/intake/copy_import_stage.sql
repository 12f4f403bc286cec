COPY import_stage FROM STDIN (NULL '')
