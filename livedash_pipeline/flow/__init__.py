"""The steps of the pipeline, each a function that reads, decides, writes and reports.

No Dagster here: jobs, commands and tests call the same steps.
"""
