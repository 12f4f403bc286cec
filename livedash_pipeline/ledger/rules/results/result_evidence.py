"""What a fetched result file proves: bytes that no request of the batch can be told by are not believed, however often they come.

Add a sign by which a file gives itself away. Lines are read in `ledger.rules.results.result_lines`; how often what is merely
incomplete has to be seen is in `ledger.rules.results.short_results`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class FileEvidence:
    """What is known of one fetched file; the counts are complete once all of its lines were read.

    Attributes:
        name: `output` or `error`.
        bytes: Bytes that came, decoded from any content encoding.
        stated_bytes: The size that the service states; None where it states none.
        ended: Whether the transfer ended by itself.
        ends_whole: Whether the last line is a JSON object.
        lines: Lines that are not blank.
        unreadable: Lines that are no JSON object.
        ours: Lines about requests of the batch.
        needed: Whether its lines are the word about the requests: an error file beside the errors of a failed validation
            often repeats those, and names no request.
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
    """Why the bytes of a file are not believed, before a line is read; None where they may be."""
    if file.stated_bytes is not None and file.bytes != file.stated_bytes:
        return f"{file.bytes} bytes of the {file.name} file came, and the service states {file.stated_bytes}"
    if not file.ended:
        return f"the transfer of the {file.name} file broke off"
    if file.stated_bytes is None and not file.ends_whole:
        return f"the {file.name} file ends within a line, and the service states no size"
    return None


def content_fault(file: FileEvidence) -> str | None:
    """Why the lines of a file are not believed; None where they may be. A file without lines is no fault of its own."""
    if not file.needed:
        return None
    # Damaged lines that name our requests, in bytes of the stated size, are what the service will ever serve.
    vouched = file.ours and file.stated_bytes is not None
    if file.lines and file.unreadable == file.lines and not vouched:
        return f"the {file.name} file holds no JSON lines"
    if file.lines and not file.ours:
        return f"no line of the {file.name} file is about a request of this batch"
    if file.stated_bytes is None and file.unreadable:
        return f"{file.unreadable} lines of the {file.name} file are no JSON, and the service states no size"
    return None


def is_sized(file: FileEvidence) -> bool:
    """Whether the service's size vouches for the file: without it, a cut between two lines cannot be seen."""
    return file.stated_bytes is not None
