"""The gateway's numbers for Prometheus.

Hot paths only add to plain integers; the families below are put together when somebody scrapes.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from prometheus_client import Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector

if TYPE_CHECKING:
    from gateway.node import Node

_LAG_EVERY_S: Final = 0.5
_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

LOOP_LAG: Final = Histogram(
    "moltstack_loop_lag_seconds", "How late the event loop was for a timer of half a second", buckets=_BUCKETS
)
ARRIVAL_LAG: Final = Histogram(
    "moltstack_arrival_lag_seconds", "From the announcement of an event to its arrival over Redis", buckets=_BUCKETS
)


class Tally:
    """What a node counts besides what its hub counts."""

    __slots__ = ("closes", "received", "resumes")

    def __init__(self) -> None:
        self.closes: Counter[int] = Counter()
        self.resumes: Counter[str] = Counter()
        self.received = 0


class NodeCollector(Collector):
    """Reads a node when it is scraped. Register it with `start`, take it away with `stop`."""

    def __init__(self, node: "Node") -> None:
        self._node = node
        self._lag: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Join the default registry and begin to watch the event loop."""
        REGISTRY.register(self)
        self._watch()

    def stop(self) -> None:
        """Leave the registry."""
        if self._lag is not None:
            self._lag.cancel()
        REGISTRY.unregister(self)

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: the names stand in `collect`."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """One reading of everything."""
        node, tally, hub = self._node, self._node.tally, self._node.hub
        yield GaugeMetricFamily("moltstack_connections", "Open sockets", len(node.connections))
        yield GaugeMetricFamily("moltstack_subscriptions", "Streams followed, summed over sockets", hub.subscriptions())
        yield GaugeMetricFamily("moltstack_streams", "Streams followed by this process", len(hub.followed()))
        yield GaugeMetricFamily(
            "moltstack_queue_bytes", "Bytes written but not taken by clients", sum(c.unsent() for c in node.connections)
        )
        yield GaugeMetricFamily("moltstack_handshakes", "Sessions that are beginning", node.admission.under_way())
        yield CounterMetricFamily("moltstack_refused", "Sockets not let in", node.admission.refused)
        yield CounterMetricFamily("moltstack_frames_received", "Frames from clients", tally.received)
        yield CounterMetricFamily("moltstack_deliveries", "Event frames handed to sockets", hub.deliveries)
        yield CounterMetricFamily("moltstack_writes", "Writes of event frames; deliveries per write follow", hub.writes)
        yield CounterMetricFamily("moltstack_delivered_bytes", "Bytes of event frames written", hub.bytes)
        yield CounterMetricFamily("moltstack_back_fills", "Pages read to close gaps", node.recovery.back_fills)
        yield GaugeMetricFamily("moltstack_presence_agents", "Agents with sessions here", node.presence.agents)
        yield GaugeMetricFamily(
            "moltstack_presence_in_contact", "0 while it is frozen for want of Redis", int(node.presence.in_contact)
        )
        yield CounterMetricFamily(
            "moltstack_presence_changes", "Comings, goings and other states in channels", node.presence.changes
        )
        yield _labelled("moltstack_closes", "Sockets closed by the server", "code", tally.closes)
        yield _labelled("moltstack_resumes", "Subscriptions from a position", "outcome", tally.resumes)
        yield CounterMetricFamily(
            "moltstack_passing_dropped", "Typing and presence not sent to clients that lag", hub.passing_dropped
        )

    def _watch(self) -> None:
        due = time.monotonic() + _LAG_EVERY_S

        def look() -> None:
            LOOP_LAG.observe(max(0.0, time.monotonic() - due))
            self._watch()

        self._lag = asyncio.get_running_loop().call_later(_LAG_EVERY_S, look)


def _labelled(name: str, text: str, label: str, counts: Counter[int] | Counter[str]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=[label])
    for key, value in counts.items():
        family.add_metric([str(key)], value)
    return family
