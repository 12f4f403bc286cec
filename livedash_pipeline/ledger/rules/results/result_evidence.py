"""Decides whether a fetched result file can be believed: bytes that identify no request of the batch never are.

Add a sign of a wrong file here. `ledger.rules.results.result_lines` reads lines; `ledger.rules.results.short_results` decides how
often an incomplete file has to come before it is believed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class FileEvidence:
    """Facts about one fetched file; the counts are complete once all of its lines were read.

    Attributes:
        name: `output` or `error`.
        bytes: Bytes that came, decoded from any content encoding.
        stated_bytes: The size that the service states; None where it states none.
        ended: Whether the transfer ended by itself.
        ends_whole: Whether the last line is a JSON object.
        lines: Lines that are not blank.
        unreadable: Lines that are no JSON object.
        ours: Lines about requests of the batch.
        needed: Whether its lines decide about requests: an error file beside the errors of a failed validation often only
            repeats these and names no request.
    """

    name: str
    bytes: int
    stated_bytes: int | None
    ended: bool
    ends_whole: bool
    lines: int = 0
    unreadable: int = 0
    ours: int = 0
    needed: bool = True

    @property
    def says_something(self) -> bool:
        """Whether it holds a line that counts: some services name a file for every batch."""
        return (self.lines if self.needed else self.ours) > 0


def transfer_fault(file: FileEvidence) -> str | None:
    """Says why the bytes of a file are not believed, before a line is read; None where they may be."""
    if file.stated_bytes is not None and file.bytes != file.stated_bytes:
        return f"{file.bytes} bytes of the {file.name} file came, and the service states {file.stated_bytes}"
    if not file.ended:
        return f"the transfer of the {file.name} file broke off"
    if file.stated_bytes is None and not file.ends_whole:
        return f"the {file.name} file ends within a line, and the service states no size"
    return None


def content_fault(file: FileEvidence) -> str | None:
    """Says why the lines of a file are not believed; None where they may be. A file without lines is not a fault by itself."""
    if not file.needed:
        return None
    # Damaged lines that name our requests, in bytes of the stated size, will not come any better.
    vouched = file.ours and file.stated_bytes is not None
    if file.lines and file.unreadable == file.lines and not vouched:
        return f"the {file.name} file holds no JSON lines"
    if file.lines and not file.ours:
        return f"no line of the {file.name} file is about a request of this batch"
    if file.stated_bytes is None and file.unreadable:
        return f"{file.unreadable} lines of the {file.name} file are no JSON, and the service states no size"
    return None


def is_sized(file: FileEvidence) -> bool:
    """Whether the service states a size: without one, nobody sees that a file was cut between two lines."""
    return file.stated_bytes is not None
