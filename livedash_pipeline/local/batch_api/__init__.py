"""A stand-in for OpenAI's Batch API on this machine, for development, the demo and tests; it answers by rules, no model is asked.

The service's behaviour lives in `service.py` and what it calls, without HTTP and without a clock of its own; `app.py` puts
HTTP around it and `server.py` runs that. Add a new behaviour of the service to the service, never to a route.
"""
