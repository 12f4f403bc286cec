"""Who may call the HTTP API: tokens, roles, and the audit log."""
