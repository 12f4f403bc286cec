"""Reopens standard streams that were closed when the process started (`livedash summary >&-`): Python has None in their place.

Add nothing here unless another stream has to exist. `commands` decides what is printed.
"""

from __future__ import annotations

import os
import sys

# stdout is opened for reading, so that a write to it fails: an answer that nobody gets is an error. Messages to a closed stderr
# are dropped, since nobody would read them. In the order of their numbers, since a new descriptor takes the lowest free one.
_CLOSED = (("stdin", os.O_RDONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w"))


def open_closed_streams() -> None:
    """Opens the null device for each standard stream that is closed; those that are open stay as they are.

    A file or a connection that is opened later cannot take the number of a standard stream then.
    """
    for name, flags, mode in _CLOSED:
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, flags), mode, encoding="utf-8", errors="backslashreplace"))
