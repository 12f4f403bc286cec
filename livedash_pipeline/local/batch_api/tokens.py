"""Token counts with the o200k table, which all models of the catalogue are counted with.

The table itself is `openai_batch.tokens`'. Add other counts of text here. What a request costs in reasoning tokens is
`chat.py`'s business.
"""
