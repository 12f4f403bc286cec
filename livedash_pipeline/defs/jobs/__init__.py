"""Jobs, one module for each kind."""
