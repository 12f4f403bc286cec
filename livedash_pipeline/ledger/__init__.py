"""What is bought: requests, batches, attempts and surplus, from the claim to the settlement.

It knows no session. What depends on what a request asks about is its `RequestKind`.
"""
