"""Pages of chat batches: uploading a file, watching a batch, its answers, and two runs compared."""
