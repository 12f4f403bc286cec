"""Asking one conversation by calls: what a worker knows of it, how a question begins, how it ends, and the loop around both."""
