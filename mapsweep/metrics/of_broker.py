"""Metrics of the broker: messages, and workers in trouble."""

from collections.abc import Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from domain.moments import epoch_s
from workers.fleet.broker_state import BrokerState

_SINCE: Final = "mapsweep_worker_trouble_since_timestamp_seconds"


def broker_metrics(state: BrokerState) -> Iterator[Metric]:
    """The metrics of one look at the broker."""
    waiting = GaugeMetricFamily(
        "mapsweep_queue_messages", "Messages that no worker has taken", labels=["queue"]
    )
    for queue, count in state.waiting.items():
        waiting.add_metric([queue], count)
    yield waiting
    yield GaugeMetricFamily(
        "mapsweep_messages_in_work", "Messages that a worker has taken and not ended", value=state.in_work
    )
    yield CounterMetricFamily(
        "mapsweep_messages_refused",
        "Messages that workers refused, since Redis was emptied",
        value=state.refused,
    )
    yield GaugeMetricFamily(
        "mapsweep_workers_in_trouble", "Workers that take no work", value=len(state.troubles)
    )
    since = GaugeMetricFamily(
        _SINCE, "Since when a worker takes no work; 0: unknown", labels=["worker", "what"]
    )
    for trouble in state.troubles:
        since.add_metric([trouble.worker, trouble.what], epoch_s(trouble.since))
    yield since
