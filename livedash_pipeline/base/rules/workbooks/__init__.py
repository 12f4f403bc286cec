"""Spreadsheets from outside: whether one can be parsed safely, and what a person sees in its cells."""
