"""The HTTP side's numbers for Prometheus. A request only adds to plain integers; the families are made when scraped."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from itertools import accumulate
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)
_NAMES: Final = (*map(str, _BUCKETS), "+Inf")


class _Times:
    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * len(_NAMES)
        self.total = 0.0


class RequestTally(Collector):
    """Counts the requests of this process by their route, which is the path's template: there are few of them."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._times: dict[str, _Times] = {}
        REGISTRY.register(self)

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests[method, route, status] += 1
        times = self._times.get(route)
        if times is None:
            times = self._times[route] = _Times()
        times.counts[bisect_left(_BUCKETS, seconds)] += 1
        times.total += seconds

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: the names stand in `collect`."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """One reading of everything."""
        yield GaugeMetricFamily("moltstack_http_requests_in_flight", "Requests being answered", self.in_flight)
        requests = CounterMetricFamily(
            "moltstack_http_requests", "Requests answered", labels=["method", "route", "status"]
        )
        for (method, route, status), count in self._requests.items():
            requests.add_metric([method, route, str(status)], count)
        yield requests
        times = HistogramMetricFamily(
            "moltstack_http_request_seconds", "From the request's head to the end of its answer", labels=["route"]
        )
        for route, each in self._times.items():
            times.add_metric([route], list(zip(_NAMES, accumulate(each.counts), strict=True)), each.total)
        yield times
