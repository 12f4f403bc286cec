"""The commands of `livedash`, one module per subject.

They parse options, call a step and print its report.
"""
