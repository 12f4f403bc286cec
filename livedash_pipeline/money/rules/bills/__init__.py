"""Bills: what OpenAI says it charged, read from its exports, and compared with what our ledger says."""
