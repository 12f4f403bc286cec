"""A stand-in for OpenAI's Batch API on this machine, for development, the demo and tests; it answers by rules, no model is asked.

The service's behaviour lives in `service.py` and what it calls, without HTTP and without a clock of its own; `app.py` puts
HTTP around it and `server.py` runs that. It can be told to lie (`faults.py`), keeps a journal of the truth (`journal.py`), and
can have its lines answered by another server (`upstream.py`). Add a new behaviour to the service, never to a route.
"""
