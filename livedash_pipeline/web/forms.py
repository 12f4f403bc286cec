"""Forms that pages send: fields, and at most one file.

Reads and bounds them; what a field may hold is decided by the page or by the step that it calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException

from livedash_pipeline.api.problems import Problem

URL_ENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
FORM_TYPES = (URL_ENCODED, MULTIPART)
TOKEN_FIELD = "form_token"  # noqa: S105 - the name of a field
_MOST_FIELDS = 600
_LONGEST_FIELD = 100_000


@dataclass(frozen=True)
class SentFile:
    """A file of a form. Its name is what the sender says."""

    name: str
    content: BinaryIO


class Form:
    """The fields of a form by name."""

    def __init__(self, data: FormData) -> None:
        self._data = data

    def one(self, name: str) -> str:
        """The text of a field; empty where it was not sent.

        Raises:
            Problem: 400: it was sent more than once.
        """
        values = self.every(name)
        if len(values) > 1:
            raise _fault(name, "is given more than once")
        return values[0] if values else ""

    def every(self, name: str) -> list[str]:
        """The texts of a field that may be sent more than once, such as the ids of chosen rows."""
        return [value for value in self._data.getlist(name) if isinstance(value, str)]

    def fields(self) -> dict[str, str]:
        """All fields but the form token and files, each of which may be sent once."""
        names = dict.fromkeys(name for name, value in self._data.multi_items() if isinstance(value, str))
        return {name: self.one(name) for name in names if name != TOKEN_FIELD}

    async def close(self) -> None:
        """Closes files, which are kept on disk where they are large."""
        await self._data.close()

    def file(self, name: str) -> SentFile | None:
        """A file; None where none was chosen."""
        value = self._data.get(name)
        if not isinstance(value, UploadFile) or not (value.filename or value.size):
            return None
        return SentFile(value.filename or "", value.file)


async def read_form(request: Request) -> Form:
    """Reads the form of a request whose length is bounded already.

    Raises:
        Problem: It cannot be read, or a text holds U+0000.
    """
    try:
        data = await request.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_LONGEST_FIELD)
    except MultiPartException as error:
        raise Problem("bad_request", f"The form cannot be read: {error.message}", remedy="Send it again.") from None
    for name, value in data.multi_items():
        if "\0" in name or (isinstance(value, str) and "\0" in value):
            raise _fault(name.replace("\0", ""), "holds U+0000, which no text has")
    return Form(data)


def _fault(name: str, detail: str) -> Problem:
    return Problem("bad_argument", f"The field {name[:50]!r} {detail}.", remedy="Load the page again and fill it in.")
