"""The script `livedash`: loads the command line so that Ctrl-C ends it with one line from the first moment on.

Add nothing here; `cli` has the commands.
"""

from __future__ import annotations

import sys

from livedash_pipeline.streams import open_closed_streams


def main() -> None:
    """Loads and runs the command line; its own interrupts are handled by `commands.shell.guard`."""
    open_closed_streams()
    try:
        from livedash_pipeline.cli import main as run
    except KeyboardInterrupt:
        sys.stderr.write("error: Interrupted. Run it again to go on.\n")
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
