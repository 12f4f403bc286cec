"""The stores of one import: each opened when it is first asked for, shared by all that read, and closed at the end.

Add a kind of store here. Whether a store may be opened is judged before it is asked for, by `base.rules.urls`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import TracebackType

from livedash_pipeline.base.rules.places.logins import CsvLogin
from livedash_pipeline.base.rules.places.stores import Scheme, StoreRoot
from livedash_pipeline.base.rules.urls import SourceRules
from livedash_pipeline.sources.addresses import Resolver, resolve
from livedash_pipeline.sources.credentials import StoreLogin, find_store_login
from livedash_pipeline.sources.http import FetchLimits
from livedash_pipeline.sources.places.store import Store


class Stores:
    """Stores that a company's rules permit.

    Args:
        rules: Which addresses are allowed, from the company's row.
        login: Under which names the environment holds credentials; they go to the CSV's own store alone.
        environ: The environment.
        limits: Times of one call.
        resolver: Addresses of a host; given by tests.
    """

    def __init__(
        self,
        rules: SourceRules,
        login: CsvLogin,
        environ: Mapping[str, str],
        limits: FetchLimits,
        *,
        resolver: Resolver = resolve,
    ) -> None:
        self._rules, self._login, self._environ = rules, login, environ
        self._limits, self._resolver = limits, resolver
        self._lock = threading.Lock()
        self._open: dict[StoreRoot | None, Store] = {}

    def __enter__(self) -> Stores:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for store in self._open.values():
            store.close()

    def get(self, root: StoreRoot | None) -> Store:
        """The store of a root; None is this machine.

        Raises:
            SettingsError: Its library is not installed.
            SourceError: Credentials are missing.
        """
        with self._lock:
            if root not in self._open:
                self._open[root] = self._opened(root)
            return self._open[root]

    def _opened(self, root: StoreRoot | None) -> Store:
        # Loaded here: most companies' CSVs come over HTTP.
        if root is None:
            from livedash_pipeline.sources.places.local import LocalStore

            return LocalStore()
        own = root == self._rules.csv_store
        login = find_store_login(self._environ, self._login) if own else StoreLogin()
        if root.scheme is Scheme.SFTP:
            from livedash_pipeline.sources.places.sftp import SftpStore

            return SftpStore(root, login, self._rules, self._environ, self._resolver, self._limits.connect_seconds)
        from livedash_pipeline.sources.places.buckets import BucketStore
        from livedash_pipeline.sources.places.clients import open_files

        return BucketStore(root, open_files(root.scheme, login, self._environ, self._limits))
