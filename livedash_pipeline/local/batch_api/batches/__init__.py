"""The life of a batch at the stand-in: made, checked, run line by line, ended."""
