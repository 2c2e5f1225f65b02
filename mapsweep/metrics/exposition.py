"""All metrics in the text format of Prometheus. A source that cannot be read is named, and hides no other."""

import time
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version

from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from domain.mistakes import OperatorError

Source = Callable[[], Iterable[Metric]]


class _Everything(Collector):
    """The metrics of each source, and whether it could be read."""

    def __init__(self, sources: dict[str, Source], tell: Callable[[str], object]) -> None:
        self._sources = sources
        self._tell = tell

    def collect(self) -> Iterator[Metric]:
        """The metrics, each family once."""
        up = GaugeMetricFamily("mapsweep_up", "1 if a source of metrics could be read", labels=["source"])
        for name, read in self._sources.items():
            try:
                metrics = tuple(read())
            except (OSError, OperatorError) as error:
                self._tell(f"metrics of the {name}: {error}")
                up.add_metric([name], 0)
            else:
                up.add_metric([name], 1)
                yield from metrics
        yield up
        yield GaugeMetricFamily(
            "mapsweep_metrics_timestamp_seconds", "When these metrics were read", value=time.time()
        )
        yield InfoMetricFamily("mapsweep_build", "The version of mapsweep", {"version": version("mapsweep")})


def exposition(sources: dict[str, Source], tell: Callable[[str], object]) -> bytes:
    """The text of all metrics; `tell` gets a sentence about each source that cannot be read."""
    # read once: a registry would ask the collector a second time for its names
    return generate_latest(_Everything(sources, tell))
