"""The figures of `/metrics`: latencies of the HTTP API, and the state of the pipeline.

Add a figure that somebody would act on. Counts of the pipeline are read at each request; only latencies are kept, in files that
all worker processes share where there are several (`PROMETHEUS_MULTIPROC_DIR`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from livedash_pipeline.overview.steps.figures import PipelineFigures

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The metrics of one process, or, in the mode for several, of all of them."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._latency = Histogram(
            "livedash_http_request_duration_seconds",
            "Time to answer a request.",
            ("method", "route", "status"),
            buckets=_SECONDS,
            registry=self._registry,
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts an answer; `route` is the route's template, so that there are only as many series as routes."""
        self._latency.labels(method, route, str(status)).observe(seconds)

    def render(self, figures: PipelineFigures) -> bytes:
        """Everything in the format that Prometheus reads."""
        own = self._registry
        if os.environ.get(MULTIPROCESS):
            own = CollectorRegistry()
            MultiProcessCollector(own)  # type: ignore[no-untyped-call]
        pipeline = CollectorRegistry()
        pipeline.register(_Pipeline(figures))
        return generate_latest(pipeline) + generate_latest(own)


class _Pipeline(Collector):
    def __init__(self, figures: PipelineFigures) -> None:
        self._figures = figures

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The pipeline's figures as gauges."""
        figures = self._figures
        requests = GaugeMetricFamily("livedash_requests", "Requests by status.", labels=["status"])
        for status, count in figures.requests.items():
            requests.add_metric([status.lower()], count)
        batches = GaugeMetricFamily("livedash_batches", "Batches by status.", labels=["status"])
        for batch_status, count in figures.batches.items():
            batches.add_metric([batch_status.lower()], count)
        spent = GaugeMetricFamily("livedash_spent_eur", "Euro spent since the month began (UTC).", labels=["company"])
        unknown = GaugeMetricFamily(
            "livedash_open_eur",
            "Euro set aside for what was charged this month at an unknown cost.",
            labels=["company"],
        )
        in_flight = GaugeMetricFamily("livedash_in_flight_eur", "Euro set aside at most.", labels=["company"])
        for company, money in figures.money.items():
            spent.add_metric([company], float(money.spent))
            unknown.add_metric([company], float(money.unknown))
            in_flight.add_metric([company], float(money.in_flight))
        oldest = GaugeMetricFamily("livedash_oldest_pending_seconds", "Age of the request that waits longest; 0: none.")
        oldest.add_metric([], figures.oldest_pending_seconds)
        return [requests, batches, oldest, spent, unknown, in_flight]
