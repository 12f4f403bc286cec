"""The local Batch API, of which nothing works on batches but while a file is there: `python -m ... PORT STATE FILE`.

A real service works on machines of its own. Beside a step that is measured, ours would take a core from it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from livedash_pipeline.local.batch_api.app import create_app
from livedash_pipeline.local.batch_api.service import BatchService
from livedash_pipeline.local.server_thread import AppServer
from livedash_pipeline.sockets import listening

_PAUSE = 0.05
_LINES_PER_LOOK = 100


class PatientBatchService(BatchService):
    """Batches stay as they are while the file is not there."""

    def __init__(self, state: Path, may_work: Path) -> None:
        super().__init__(state, clock=time.time, speed=0.0, lines_per_look=_LINES_PER_LOOK)
        self._may_work = may_work

    def advance(self, *, lines: int | None = None) -> None:
        """As the service does, if it may."""
        if self._may_work.exists():
            super().advance(lines=lines)


def main(arguments: Sequence[str]) -> None:
    """Serves until it is ended."""
    port, state, may_work = arguments
    service = PatientBatchService(Path(state), Path(may_work))

    def work() -> None:
        while True:
            service.advance(lines=service.lines_per_turn)
            time.sleep(0 if Path(may_work).exists() else _PAUSE)

    threading.Thread(target=work, daemon=True).start()
    try:
        with listening("127.0.0.1", int(port)) as listener:
            AppServer(create_app(service)).run(sockets=[listener])
    finally:
        service.close()


if __name__ == "__main__":
    main(sys.argv[1:])
