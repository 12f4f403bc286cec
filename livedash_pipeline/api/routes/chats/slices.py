"""Slices that a process works on beside what it answers: begun by a page, bounded in number by `Services.slices`.

A slice that dies with its process leaves nothing behind but leases that pass. Add what every slice of this process has in common.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

from livedash_pipeline.api.http.facts import log_unforeseen
from livedash_pipeline.api.services import Services
from livedash_pipeline.errors import LivedashError
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)

WORKERS = 4
"""Workers of a slice: its connections are shared with everything else that the process answers."""


def begin_slice(services: Services, work: Callable[[], object]) -> bool:
    """Begins a slice in a thread of its own; False, and nothing is begun, where the process works on enough of them."""
    if not services.slices.acquire(blocking=False):
        return False

    def run() -> None:
        try:
            work()
        except LivedashError as error:
            log.warning("slice ended early", code=error.code)
        except Exception as error:  # noqa: BLE001 - the outermost frame of its thread
            log_unforeseen(error)
        finally:
            services.slices.release()

    Thread(target=run, name="chat slice", daemon=True).start()
    return True
