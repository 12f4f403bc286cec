"""What people look at while a batch is asked: first answers, conversations, and why one stands still."""
