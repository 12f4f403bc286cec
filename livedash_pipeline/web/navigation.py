"""The pages that a person may see, in the order of the menu.

Add a page with the right that opens it, for each of the two roles.
"""

from __future__ import annotations

from dataclasses import dataclass

from livedash_pipeline.access.rules.tokens import Caller, Role, Scope
from livedash_pipeline.web.links import address


@dataclass(frozen=True)
class Entry:
    """A page in the menu.

    Attributes:
        title: Its name.
        path: Its path below `/console`.
        admin: The right with which operators see it.
        company: The right with which companies see it; None: they do not.
    """

    title: str
    path: str
    admin: Scope
    company: Scope | None = None

    @property
    def href(self) -> str:
        """Its address."""
        return address(self.path)


ENTRIES = (
    Entry("Overview", "/overview", Scope.ADMIN_READ),
    Entry("Requests", "/requests", Scope.ADMIN_READ),
    Entry("Batches", "/batches", Scope.ADMIN_READ),
    Entry("Rejects", "/rejects", Scope.ADMIN_READ),
    Entry("Sessions", "/sessions", Scope.ADMIN_READ, Scope.SESSIONS_READ),
    Entry("Results", "/results", Scope.ADMIN_READ, Scope.RESULTS_READ),
    Entry("Spend", "/spend", Scope.ADMIN_READ, Scope.SPEND_READ),
    Entry("Chat batches", "/chat-batches", Scope.CHATS_READ, Scope.CHATS_READ),
    Entry("Companies", "/companies", Scope.ADMIN_READ),
    Entry("Prices", "/prices", Scope.ADMIN_READ),
    Entry("Tokens", "/tokens", Scope.ADMIN_READ),
    Entry("Audit", "/audit", Scope.ADMIN_READ),
)


def entries_for(caller: Caller) -> list[Entry]:
    """The pages that somebody may see."""
    found = []
    for entry in ENTRIES:
        needed = entry.company if caller.role is Role.COMPANY else entry.admin
        if needed is not None and needed in caller.scopes:
            found.append(entry)
    return found


def first_page(caller: Caller) -> str | None:
    """Where somebody begins: analysts of a company with its results, everybody else with the first page of the menu."""
    found = entries_for(caller)
    if caller.role is Role.COMPANY:
        results = next((entry for entry in found if entry.path == "/results"), None)
        return results.href if results else (found[0].href if found else None)
    return found[0].href if found else None
