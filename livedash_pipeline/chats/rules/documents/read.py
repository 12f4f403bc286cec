"""The way in: exported files become batches, whatever the files are called and in whichever order they come."""

from __future__ import annotations

from collections.abc import Iterable

from livedash_pipeline.chats.rules.documents.batches import read_batch
from livedash_pipeline.chats.rules.documents.files import cut_documents
from livedash_pipeline.chats.rules.documents.kinds import Kind, Library
from livedash_pipeline.chats.rules.documents.moved import Moved, MovedCounts
from livedash_pipeline.chats.rules.documents.problems import Problems


def read_documents(files: Iterable[tuple[str, bytes]]) -> Moved:
    """Reads documents of the old system; never raises for what they hold.

    Args:
        files: Names and contents: JSON lines or an array, in relaxed or canonical Extended JSON.

    Returns:
        The batches in their order, with all that they lead to in the same files. What is missing or cannot be read is a
        problem, and so is a batch or turn that is left out for it.
    """
    problems = Problems()
    library = Library(problems)
    for file, content in files:
        for document in cut_documents(file, content, problems):
            library.add(document)
    batches = [read_batch(document, library, problems) for document in library.all(Kind.BATCH)]
    return Moved(
        batches=tuple(batch for batch in batches if batch is not None),
        problems=problems.listed(),
        counts=MovedCounts(
            batches=len(library.all(Kind.BATCH)),
            chats=len(library.all(Kind.CHAT)),
            interactions=len(library.all(Kind.INTERACTION)),
            others=len(library.all(Kind.OTHER)),
            repeated=library.repeated,
            unused=library.unused(),
            problems=problems.total,
        ),
    )
