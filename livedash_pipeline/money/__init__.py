"""Dated prices of tokens, and exchange rates."""
