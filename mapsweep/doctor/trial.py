"""The very sweep on a few hosts, into a folder that is removed afterwards; nothing is reported or mailed."""

import os
import tempfile
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from archive.dump_keys import NO_KEYS
from archive.run import Run
from archive.runs import Runs
from collector.session import Access, Session, Sessions
from collector.sweep import sweep
from domain.records import Dump, Failure, Host, HostRecord
from workers.life import host_steps
from workers.life.classifiers import Classifiers
from workers.life.plan import Request, planned

BEGINNING_BYTES: Final = 256  # of a dump: its first record says whether grep sent it
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Sent:
    """What is known of a transfer beside the result."""

    received_bytes: int
    packed: bool  # the host has gzip
    by_awk: bool  # not by grep alone


@dataclass(frozen=True, slots=True)
class Tried:
    """How one host of the sample ended: with a failure, or with a record."""

    host: Host
    failure: Failure | None
    record: HostRecord | None
    sent: Sent | None
    host_key: str = ""  # that it showed: its type and fingerprint
    told_of_key: str = ""  # as its record's problem has it too

    @property
    def elapsed_s(self) -> float:
        """Seconds that the sweep spent on it."""
        return self.record.elapsed_s if self.record else self.failure.elapsed_s if self.failure else 0.0


@dataclass(frozen=True, slots=True)
class Trial:
    """The whole sample, in the order of the inventory."""

    tried: tuple[Tried, ...]
    kept_bytes: int  # dumps and results of the hosts that answered

    @property
    def answered(self) -> tuple[Tried, ...]:
        """The hosts that have a record."""
        return tuple(each for each in self.tried if each.record)


def try_out(
    request: Request, access: Access, stop: threading.Event, *, encrypts: bool = False
) -> Trial | None:
    """Sweep and classify the hosts of a request, each of them at once; None if `stop` was set first.

    If it `encrypts`, by a key in memory, no plain dump is on a disk meanwhile. OperatorError if keys or known
    hosts cannot be read at all, or if the library that encrypts is not installed.
    """
    # all at once, so that hosts that do not answer are waited for once
    limits = replace(request.limits, concurrency=min(request.limits.concurrency, len(request.hosts)))
    request = replace(request, limits=limits, keep_dumps=True)
    with tempfile.TemporaryDirectory(prefix="mapsweep-doctor-") as folder:
        keys = NO_KEYS.with_run_key() if encrypts else NO_KEYS
        run = Runs(folder, dump_keys=keys).create(planned(request))
        host_keys: dict[str, tuple[str, str]] = {}

        def on_host_key(host: str, key: str, told: str) -> None:
            host_keys[host] = key, told

        session = replace(
            Sessions(access).of(run.manifest, run.store.local_path("")), on_host_key=on_host_key
        )
        sent = _swept(run, session, stop)
        if stop.is_set():
            return None
        tried = tuple(
            Tried(
                *(each.host, each.failure, each.record, sent.get(each.host.name)),
                *host_keys.get(each.host.name, ("", "")),
            )
            for each in run.outcomes()
        )
        return Trial(tried, run.dumps_bytes() + run.results_bytes())


def _swept(run: Run, session: Session, stop: threading.Event) -> dict[str, Sent]:
    """The sample's dumps, results and failures are in the run then; gives what those do not say."""
    sent: dict[str, Sent] = {}

    def on_outcome(outcome: Dump | Failure) -> Callable[[], None] | None:
        host_steps.keep(run, outcome)
        if not isinstance(outcome, Dump):
            return None
        sent[outcome.host] = _sent(outcome)
        return partial(classifiers.submit, outcome.host)

    def on_end(_host: str, _has_result: bool) -> None:
        """The run has it."""

    with Classifiers(run, os.cpu_count() or 1, on_end, stop) as classifiers:
        sweep(run.manifest.hosts, session, on_outcome, stop)
        classifiers.drain()
    return sent


def _sent(dump: Dump) -> Sent:
    beginning = zlib.decompressobj(_GZIP_WINDOW).decompress(dump.memory_gz, BEGINNING_BYTES)
    by_awk = not beginning.startswith(f"{dump.nonce} grep ".encode())
    return Sent(dump.received_bytes or 0, bool(dump.packed), by_awk)
