"""The Batch API through the official client, behind one gateway.

Nothing outside this package imports `openai`.
"""
