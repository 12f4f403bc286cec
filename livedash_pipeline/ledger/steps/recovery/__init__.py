"""Steps that look for bought batches, prove absence, adopt and reconcile."""
