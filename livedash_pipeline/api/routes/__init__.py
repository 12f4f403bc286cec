"""Routes by subject, each a thin function over one step.

Add a module for a new subject, with a function `router()`; how a route is written stands in `livedash_pipeline/api/__init__.py`.
"""
