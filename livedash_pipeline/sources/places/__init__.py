"""Stores of files beyond HTTP: buckets, SFTP servers and folders of this machine, each behind the same few calls.

Which store may be opened is decided in `base.rules.urls`. Libraries of stores are optional and are loaded when one is opened.
"""
