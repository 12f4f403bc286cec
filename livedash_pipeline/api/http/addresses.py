"""What an address may hold: parameters that its route knows, each once, and nothing that cannot be printed.

Values are checked by the models of routes. Add a check that concerns all addresses.
"""

from __future__ import annotations

from fastapi import Request

from livedash_pipeline.api.problems import Problem


def check_names(request: Request, names: frozenset[str]) -> None:
    """Refuses unknown and repeated query parameters, and values with unprintable characters.

    Args:
        request: The request.
        names: The parameters that its route knows.

    Raises:
        Problem: 400, with each of them.
    """
    given = [name for name, _ in request.query_params.multi_items()]
    faults = [
        {"parameter": name, "detail": "is not known" if name not in names else "is given more than once"}
        for name in dict.fromkeys(given)
        if name not in names or given.count(name) > 1
    ]
    for name, value in request.query_params.items():
        if not value.isprintable():
            faults.append({"parameter": name, "detail": "holds characters that cannot be printed"})
    if faults:
        known = ", ".join(sorted(names)) or "none"
        raise Problem(
            "bad_argument",
            f"Parameter {faults[0]['parameter']!r} {faults[0]['detail']}.",
            remedy=f"Known here: {known}; each at most once.",
            errors=faults,
        )


def check_path(request: Request) -> None:
    """Refuses paths with unprintable characters: no thing has such a name, and the database refuses some of them.

    Raises:
        Problem: 404.
    """
    for value in request.path_params.values():
        if not str(value).isprintable():
            raise Problem("not_found", "There is no such thing.", remedy="Check the address.")
