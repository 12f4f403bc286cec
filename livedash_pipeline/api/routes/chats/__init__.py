"""Routes of chat batches, for companies and platform administrators."""
