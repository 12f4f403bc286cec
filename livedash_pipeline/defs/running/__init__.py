"""How a run runs: its executor, its place in a pool, its signs of life, and the end of runs that show none any more.

Add what every run has, whatever its job does.
"""
