"""The business in pure functions: values in, values out.

Add decisions here; nothing that reads a clock, the environment, a file or a socket.
"""
