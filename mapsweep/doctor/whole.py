"""What a sweep of all hosts will take, judged by the sample: time, bytes and disk."""

from collections.abc import Iterator
from dataclasses import dataclass

from archive.places import store_at
from collector.sweep import threads_for
from domain.records import Limits
from mapsweep.doctor.check import Check, Level
from mapsweep.doctor.trial import Trial
from mapsweep.settings.settings import Settings
from reports.text.sizes import size
from workers.life.plan import DUMP_BYTES_EXPECTED, RESULT_BYTES_EXPECTED

MORE_DISK = "remove old runs (mapsweep runs prune), name another folder with --runs, or set keep_dumps: false"


@dataclass(frozen=True, slots=True)
class Whole:
    """The expected amounts for all hosts; None if no host of the sample answered."""

    hosts: int
    at_once: int
    sweep_s: float | None
    received_bytes: int | None
    disk_bytes: int | None


def expected(trial: Trial | None, hosts: int, limits: Limits) -> Whole:
    """The sample's means times the number of hosts; hosts that fail take their time, too."""
    at_once = min(threads_for(limits.concurrency), hosts)
    if trial is None or not trial.answered:
        return Whole(hosts, at_once, None, None, None)
    spent = [each.elapsed_s for each in trial.tried]
    sweep_s = max(*spent, sum(spent) / len(spent) * hosts / at_once)
    answered = trial.answered
    received = [each.sent.received_bytes for each in answered if each.sent]
    return Whole(
        hosts,
        at_once,
        sweep_s,
        round(sum(received) / len(received) * hosts) if received else None,
        round(trial.kept_bytes / len(answered) * hosts),
    )


def whole_checks(whole: Whole, settings: Settings) -> Iterator[Check]:
    """Whether there is time, and space, for all hosts."""
    yield _time(whole, settings)
    if whole.received_bytes is None:
        yield Check(Level.UNKNOWN, "bytes", "cannot tell: no host answered")
    else:
        yield Check(Level.OK, "bytes", f"about {size(whole.received_bytes, plain=True)} over the network")
    yield _disk(whole, settings)


def _time(whole: Whole, settings: Settings) -> Check:
    if whole.sweep_s is None:
        return Check(Level.UNKNOWN, "time", "cannot tell: no host answered")
    text = f"about {whole.sweep_s:,.0f} s for {_hosts(whole.hosts)}, {whole.at_once} at once, and the report"
    if whole.sweep_s < settings.deadline_s:
        return Check(Level.OK, "time", text)
    remedy = f"raise --concurrency or deadline_s, which is {settings.deadline_s} s"
    return Check(Level.FAIL, "time", f"{text}: longer than a run may take", remedy=remedy)


def _disk(whole: Whole, settings: Settings) -> Check:
    needed = whole.disk_bytes
    told = "about " + size(needed, plain=True) if needed is not None else ""
    if needed is None:  # as a run is judged before it starts
        needed = whole.hosts * (RESULT_BYTES_EXPECTED + (DUMP_BYTES_EXPECTED if settings.keep_dumps else 0))
        told = f"usually {size(needed, plain=True)}"
    store = store_at(settings.runs)
    free = store.free_bytes()
    if free is None:
        return Check(Level.OK, "disk", f"{told} in {store.url}")
    text = f"{told} a run; {size(free, plain=True)} are free in {store.url}"
    if needed > free:
        return Check(Level.FAIL, "disk", text, remedy=MORE_DISK)
    return Check(Level.OK, "disk", text)


def _hosts(count: int) -> str:
    return f"{count:,} {'host' if count == 1 else 'hosts'}"
