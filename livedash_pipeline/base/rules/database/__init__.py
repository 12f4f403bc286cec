"""A database as people run it: what its address may say, what a session needs, and what a pooler may not do."""
