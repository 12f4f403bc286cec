"""Dagster's view of the pipeline: assets, jobs, sensors, checks and resources.

Bodies are short; what they do lives in the `steps` of the rooms.
"""
