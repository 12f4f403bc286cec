"""Holds, pauses, and what models are sent with."""
