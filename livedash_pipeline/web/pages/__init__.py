"""One module or folder per page; how one is written stands in `livedash_pipeline/web/__init__.py`."""
