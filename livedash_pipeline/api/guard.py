"""Guards every route: recognises the caller, checks rights and input, and writes the audit log.

The order is fixed: token, rate, right, query, body, audit, route. It reads nothing of a body before the caller is known to be
allowed. Add a check that concerns all routes here; a single route declares its needs with `@allow`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response

from livedash_pipeline.access.rules.tokens import Caller, Role, Scope, read_bearer
from livedash_pipeline.access.steps import tokens
from livedash_pipeline.access.store.tokens import AuditEntry
from livedash_pipeline.api.access import Access, allowed_names
from livedash_pipeline.api.http.addresses import check_names, check_path
from livedash_pipeline.api.http.bodies import read_body
from livedash_pipeline.api.http.facts import address_of, log_unforeseen, machine_facts, network_of, path_of
from livedash_pipeline.api.http.responses import with_etag
from livedash_pipeline.api.problems import Problem, internal, invalid, problem_of, too_many, unauthorized
from livedash_pipeline.api.services import Services, services_of
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)

Handler = Callable[[Request], Awaitable[Response]]
_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])
_ACCESS = "__livedash_access__"
_LONGEST_PATH = 500
_READ_TEXTS = "read_texts"
ANONYMOUS = "anonymous"


def allow(access: Access) -> Callable[[_Endpoint], _Endpoint]:
    """Declares who may call a route; the decorator stands directly above the function."""

    def declare(endpoint: _Endpoint) -> _Endpoint:
        setattr(endpoint, _ACCESS, access)
        return endpoint

    return declare


def guarded_router(prefix: str, tags: list[str]) -> APIRouter:
    """Makes a router whose routes all declare who may call them."""
    return APIRouter(prefix=prefix, tags=list(tags), route_class=GuardedRoute)


def access_of(route: APIRoute) -> Access:
    """Returns the declaration of a route.

    Raises:
        TypeError: The route has none.
    """
    access = getattr(route.endpoint, _ACCESS, None)
    if not isinstance(access, Access):
        raise TypeError(f"{route.path} does not say who may call it: add @allow(...)")
    return access


def caller_of(request: Request) -> Caller:
    """Returns the caller of a guarded request, by its token."""
    return cast(Caller, request.state.caller)


def company_of(request: Request) -> UUID:
    """Returns the one company that a company's token sees and changes; routes of other roles never call this."""
    company_id = caller_of(request).company_id
    if company_id is None:
        raise internal()
    return company_id


def note(request: Request, **detail: Any) -> None:
    """Adds counts and ids to the audit entry of a change; never anybody's words."""
    request.state.audit.update(detail)


class GuardedRoute(APIRoute):
    """A route behind the guard.

    Attributes:
        call: What takes a request through it.
    """

    call: type[Call]

    def get_route_handler(self) -> Callable[[Request], Any]:
        """The route's handler with everything before and after it."""
        access, names = access_of(self), allowed_names(self.dependant)
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            return await self.call(request, access, names, handle).answer()

        return guarded


class Call:
    """One request on its way through the guard. `web.guard` has the one for pages, where it differs.

    Args:
        request: The request.
        access: Who may call its route.
        names: The query parameters that the route knows.
        handle: The route.
    """

    def __init__(self, request: Request, access: Access, names: frozenset[str], handle: Handler) -> None:
        self._request, self._access, self._names, self._handle = request, access, names, handle
        self._services: Services = services_of(request)
        self._caller: Caller | None = None
        self._change: UUID | None = None
        request.state.audit = {}

    async def answer(self) -> Response:
        """Returns the route's answer, or a problem."""
        try:
            response = await self._pass()
        except Exception as error:  # noqa: BLE001 - the outermost frame: whatever is left becomes a problem and a line
            problem = _problem(error)
            response = await self._refused(problem)
        if self._change is not None:
            response = await self._finished(response)
        return response

    async def _pass(self) -> Response:
        access, request = self._access, self._request
        if access.role is not None and not self._is_public():
            self._caller = request.state.caller = await self.identified()
            request.scope["livedash.token"] = self._caller.token_id
            self._check_rate(self._caller)
            self._check_right(self._caller)
            check_names(self._request, self._names)
        check_path(request)
        request = await self.read()
        if access.action is not None and self._caller is not None and not self._repeats_look(self._caller):
            self._change = await run_in_threadpool(
                tokens.begin_change, self._services.engine, self._entry(access.action, "failed")
            )
        response = await self._handle(request)
        return with_etag(request, response) if request.method == "GET" else response

    async def read(self) -> Request:
        """Returns the request with its body read, or with limits on reading it.

        Raises:
            Problem: The body is none that the route takes.
        """
        return await read_body(self._request, self._access)

    def shown(self, problem: Problem) -> Response:
        """Returns the answer that shows a problem."""
        return problem.response(self._path())

    def wants_line(self, problem: Problem) -> bool:
        """Whether a refusal that changed nothing is written to the audit log."""
        foreign = problem.status_code == 404 and self._caller is not None and self._caller.role is Role.COMPANY
        # A company's token gets the same 404 for things of others as for things that do not exist.
        return problem.status_code in (401, 403) or foreign

    def _is_public(self) -> bool:
        return self._access.scope is Scope.METRICS_READ and self._services.settings.livedash_metrics_public

    async def identified(self) -> Caller:
        """Returns the caller, or refuses.

        Raises:
            Problem: 401: there is no token, or none that is valid.
        """
        header = self._request.headers.get("authorization")
        token = read_bearer(header)
        if token is None:
            detail = "The request carries no token." if header is None else "The Authorization header holds no token."
            raise unauthorized(detail, known=header is not None)
        services = self._services
        identity = await run_in_threadpool(tokens.identify, services.engine, services.token_key, token)
        if identity.caller is None or identity.refusal is not None:
            self._caller = identity.caller
            raise unauthorized(f"The token {identity.refusal}.", known=True)
        return identity.caller

    def _check_rate(self, caller: Caller) -> None:
        refusal = self._services.per_token.take(caller.token_id)
        if refusal is not None:
            self._request.scope["livedash.note"] = refusal.first
            raise too_many(refusal.seconds, whose="this token")

    def _check_right(self, caller: Caller) -> None:
        access = self._access
        if caller.role not in access.roles:
            wanted = " or ".join(access.roles)
            raise Problem(
                "forbidden",
                f"This needs a token of the role {wanted}, and this one is of the role {caller.role}.",
                remedy="Use another token; `livedash token create` makes them.",
            )
        scope = access.scope_of(caller.role)
        if scope is not None and scope not in caller.scopes:
            raise Problem(
                "forbidden",
                f"The token does not have the scope {scope}.",
                remedy="Use another token; `livedash token create --scope` makes them.",
            )

    async def _refused(self, problem: Problem) -> Response:
        """Returns the problem, and writes refusals to the audit log unless they come too fast for it."""
        try:
            problem = await self._audit_refusal(problem)
        except Exception as error:  # noqa: BLE001 - as above; without the line there is no refusal either
            problem = _problem(error)
        return self.shown(problem)

    async def _audit_refusal(self, problem: Problem) -> Problem:
        status = problem.status_code
        if status == 429:
            wanted = bool(self._request.scope.get("livedash.note"))
        else:
            wanted = self._change is None and self.wants_line(problem)
        if not wanted:
            return problem
        refusal = self._services.refusals.take(network_of(self._request.scope))
        if refusal is not None:
            return problem if status in (404, 429) else too_many(refusal.seconds, whose=self._address())
        entry = self._entry(self._access.action or "read", "refused", status=status, detail={"code": problem.code})
        await run_in_threadpool(tokens.record, self._services.engine, entry)
        return problem

    async def _finished(self, response: Response) -> Response:
        status = response.status_code
        outcome = "done" if status < 400 else "refused" if status in (401, 403, 404) else "failed"
        try:
            await run_in_threadpool(
                tokens.finish_change,
                self._services.engine,
                cast(UUID, self._change),
                outcome=outcome,
                status=status,
                detail=self._request.state.audit,
            )
            # Only now: a look that was refused, or whose line is not finished, is written down again.
            if outcome == "done" and self._is_look():
                self._services.looks.note_written(cast(Caller, self._caller).token_id, self._looked_at())
        except Exception as error:  # noqa: BLE001 - the change is made, and its line says `begun`: the client learns the truth
            log.error("audit entry not finished", audit_id=str(self._change), kind=type(error).__name__)
        if Role.PLATFORM_ADMIN in self._access.roles and self._request.method != "GET":
            # A caller that has changed something reads the counts next; who has only read texts has changed none.
            self._services.recent.clear()
            self._services.kept.outdate()
        return response

    def _is_look(self) -> bool:
        return self._access.action == _READ_TEXTS and self._request.method == "GET"

    def _repeats_look(self, caller: Caller) -> bool:
        """Whether this look at texts is in the audit log already: pages that wait for something refresh every few seconds."""
        return self._is_look() and self._services.looks.is_written(caller.token_id, self._looked_at())

    def _looked_at(self) -> str:
        return f"{self._path()}?{self._request.url.query}"

    def _entry(
        self, action: str, outcome: str, *, status: int | None = None, detail: dict[str, Any] | None = None
    ) -> AuditEntry:
        caller = self._caller
        return AuditEntry(
            action,
            outcome,
            caller.name if caller else ANONYMOUS,
            caller.token_id if caller else None,
            caller.company_id if caller else None,
            self._request.method,
            self._path()[:_LONGEST_PATH],
            status,
            self._address(),
            self._request.scope.get("livedash.request_id"),
            detail,
        )

    def _path(self) -> str:
        return path_of(self._request.scope)

    def _address(self) -> str:
        return address_of(self._request.scope)


GuardedRoute.call = Call


def _problem(error: Exception) -> Problem:
    if isinstance(error, RequestValidationError):
        return invalid(error.errors())
    problem = problem_of(error)
    if problem is None:
        log_unforeseen(error)
        return internal()
    if problem.status_code >= 500:
        log.warning("request failed", code=problem.code, kind=type(error).__name__, **machine_facts(error))
    return problem
