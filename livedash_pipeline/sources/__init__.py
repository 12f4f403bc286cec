"""Where CSVs and transcripts come from: HTTP and files, with their limits and safety rules.

No database here.
"""
