"""Standard streams that whoever started the process has closed (`livedash summary >&-`): Python leaves None in their place.

Nothing is added here unless another stream has to be there. What is printed is decided in `commands`.
"""

from __future__ import annotations

import os
import sys

# A write to what is opened for reading fails, so that an answer that nobody gets is an error. Nobody can be told anything on a
# closed stderr, so what goes there is dropped. In the order of their numbers, since a new descriptor takes the lowest free one.
_CLOSED = (("stdin", os.O_RDONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w"))


def open_closed_streams() -> None:
    """Opens the null device for each standard stream that is closed; those that are open stay as they are.

    A file or a connection that is opened later cannot take the number of a standard stream then.
    """
    for name, flags, mode in _CLOSED:
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, flags), mode, encoding="utf-8", errors="backslashreplace"))
