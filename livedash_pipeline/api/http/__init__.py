"""Helpers of all routes: bodies, limits, parameters and answers."""
