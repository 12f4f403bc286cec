"""`livedash company`, and what its answers look like."""
