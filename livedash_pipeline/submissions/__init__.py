"""Sessions that companies send over HTTP, and the feed of their results."""
