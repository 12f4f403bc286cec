"""Taking in the content of a file: copied in pieces, measured, and refused where the service refuses it on upload.

Add a check of an uploaded file here. What validation finds later is in `validation.py`.
"""

from pathlib import Path
from typing import BinaryIO

from livedash_pipeline.local.batch_api.batches.lines import iterate_lines, parse_object
from livedash_pipeline.local.batch_api.refusals import Refusal
from livedash_pipeline.local.private_files import open_private

MAX_UPLOAD_BYTES = 512 * 1024 * 1024
_CHUNK = 1024 * 1024


def write_content(stream: BinaryIO, path: Path, *, must_parse: bool) -> int:
    """Copies a stream to a file in pieces and returns its size; refuses what the service refuses on upload."""
    size = 0
    with open_private(path, "wb") as target:
        while piece := stream.read(_CHUNK):
            size += len(piece)
            if size > MAX_UPLOAD_BYTES:
                raise Refusal(400, "File is too large.")
            target.write(piece)
    if size == 0:
        raise Refusal(400, "File is empty.")
    if must_parse:
        with path.open("rb") as written:
            if not any(line and parse_object(line) is not None for _, line in iterate_lines(written)):
                message = "Invalid file format. Input file must have at least one line that is a JSON object."
                raise Refusal(400, message)
    return size
