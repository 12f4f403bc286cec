"""The HTTP API: FastAPI over the steps that jobs and commands call as well.

How a route is added:

1. Write it in a module of `api/routes`, on the router that `guarded_router(prefix, tags)` makes (`api/guard.py`), as a plain
   `def`: it runs in a thread, so that it may wait for the database. (`async def` only to read a streamed body; whatever waits
   for the database then goes through `run_in_threadpool`.) It gets `services_of(request)` (settings, engine) and
   `caller_of(request)` (whose token it is), calls one step, and returns `answer(document)`.
2. Say who may call it with `@allow(...)` directly above the function; a router refuses a route without one. `Access` names
   role, scope, the word for the audit log (`action`, for every route that changes something; add counts and ids with
   `note(request, ...)`), and the body: `json` is read whole (`max_body`, `body_seconds`) and found to be strict JSON before the
   route is called; with `stream` the route reads `request.stream()` itself, under the same limits. Problems beyond the usual ones
   (409, 502) are named with `@may_answer(409)`.
3. A company's token sees and changes that company alone: pass `company_of(request)` to the step, take no company
   from the request, and answer for things of others as for things that do not exist: `raise not_found(...)`.
4. Query parameters are one pydantic model, `Annotated[Model, Query()]` with `extra="forbid"` (`api/http/parameters.py`);
   unknown and repeated names are refused before the route is called. Answers are described by models of
   `api/routes/admin/schemas.py` in `responses=answers(Model)`; they document and are not run.
5. Failures are exceptions and become problem details (`api/problems.py`): those of `errors.py` and of the database as they are,
   and `Problem` for what only HTTP knows. No route builds an error answer itself.
6. Name its router in `api/app.py`. `tests/api/test_access.py` walks all routes with a foreign token, and
   `tests/api/test_openapi.py` tries them with good and bad data.
"""

from __future__ import annotations
