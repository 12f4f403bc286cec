"""Documents of the old system as its export has them, for the tests of their reading."""

from __future__ import annotations

import json
from typing import Any

from livedash_pipeline.chats.rules.documents.moved import Moved
from livedash_pipeline.chats.rules.documents.read import read_documents


def oid(number: int) -> dict[str, str]:
    return {"$oid": f"{number:024x}"}


def lines(*documents: Any) -> bytes:
    return "\n".join(json.dumps(document, ensure_ascii=False) for document in documents).encode()


def read(*documents: Any) -> Moved:
    return read_documents([("export.json", lines(*documents))])


def problems(moved: Moved) -> list[tuple[int | None, str]]:
    return [(problem.line, problem.code) for problem in moved.problems]
