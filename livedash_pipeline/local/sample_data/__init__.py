"""Sample companies with CSVs and transcripts of any size, on disk or over HTTP; the same seed always gives the same bytes.

Add here what makes up chats, files or a server for them. The pipeline never imports this package: only the demo, the
benchmarks and the tests do.
"""
