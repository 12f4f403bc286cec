"""The pipeline's assets, in the order in which they are made: each is a noun, and most are tables.

Add an asset to the module of its group. Bodies read, decide, write and report through steps.
"""
