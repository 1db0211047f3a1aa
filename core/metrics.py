"""What a process's container tells Prometheus: its pools, and how its posts come along."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector

if TYPE_CHECKING:
    from core.container import Container


class ContainerCollector(Collector):
    """Reads a container when it is scraped. Register it with `start`, take it away with `stop`."""

    def __init__(self, container: "Container") -> None:
        self._container = container

    def start(self) -> None:
        """Join the default registry."""
        REGISTRY.register(self)

    def stop(self) -> None:
        """Leave the registry."""
        REGISTRY.unregister(self)

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: the names stand in `collect`."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """One reading of everything."""
        connections = GaugeMetricFamily(
            "moltstack_database_connections", "Open connections to the database", labels=["role", "state"]
        )
        for role, database in self._container.databases.items():
            busy, idle = database.usage()
            connections.add_metric([role, "busy"], busy)
            connections.add_metric([role, "idle"], idle)
        yield connections
        commit = self._container.commit
        if commit is not None:
            yield GaugeMetricFamily("moltstack_posts_waiting", "Posts that wait for a commit", commit.waiting())
            yield CounterMetricFamily("moltstack_posts", "Posts handed to the store", commit.posts)
            yield CounterMetricFamily(
                "moltstack_commits", "Statements that took them; posts per commit follow", commit.commits
            )
