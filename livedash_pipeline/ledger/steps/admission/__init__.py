"""Pauses, caps and holds around a submit."""
