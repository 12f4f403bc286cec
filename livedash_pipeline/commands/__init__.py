"""The commands of `livedash`, grouped by what they are about.

They parse options, call a step and print its report.
"""
