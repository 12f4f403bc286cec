"""A project of somebody's own that takes the pipeline in."""
