"""`make bench-pipeline`: from the dumps of a fleet to a closed run and its rendered report.

pipeline_rest_vs_gunzip is all CPU outside gunzip and the core, in all processes, rendering included, against
gunzip of the same dumps. Syncs, files, bytes and reads a host are counted in a smaller run of one process.
"""

import contextlib
import json
import os
import statistics
import tempfile
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from archive import results
from archive.folder import Folder
from archive.host_results import host_record, host_result
from archive.run import Run
from archive.run_ids import new_run_id
from archive.runs import Runs
from archive.store import OBJECT_BYTES_MAX
from bench.core import Sent, crowd, probe
from bench.measure import Figure, own_cpu_s
from collector.session import Session
from domain.records import Dump, Host, Limits, Manifest, Scope
from procmaps.classify import RULES_VERSION, classify
from procmaps.doubts import doubts
from procmaps.findings import find
from procmaps.footprint import footprints
from procmaps.identity import identify
from procmaps.read import read
from procmaps.tables import Evidence
from workers.here import embedded
from workers.life.ending import close_run, render_report
from workers.life.host_steps import classify_host, keep

HOSTS = 500
PROCESSES = 1  # that classify: two at once share a core's caches on some machines, and the figure is of CPU
COUNTED_HOSTS = 20
MEASURED_HOSTS = 60  # for what gunzip and the core take
SETTLE_S = 5.0  # how long the processes may take to end
OUT = Path(__file__).with_name("out") / "pipeline.json"
RESULTS = ("results/", "hosts/", "processes/", "footprints/")


def figures(hosts: int) -> Iterator[Figure]:
    """CPU of the whole, of its parts, and what a host costs the disk."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        crowd(root / "host")
        sent = probe(root / "host", Evidence.MAPS)
        yield from _cpu(sent, run_of(Runs(str(root / "runs")), sent, hosts))
        yield from _counted(sent, Runs(str(root / "counted")))


def run_of(runs: Runs, sent: Sent, hosts: int) -> Run:
    """A run whose hosts have all sent the same."""
    now = datetime.now(UTC)
    names = [f"web{number:04}.example.org" for number in range(hosts)]
    run = runs.create(
        Manifest(
            run_id=new_run_id(now, "bench"),
            scope=Scope("bench", "all"),
            limits=Limits(),
            hosts=tuple(Host(name, "127.0.0.1") for name in names),
            started_at=now.isoformat(timespec="seconds"),
            deadline_at=(now + timedelta(hours=1)).isoformat(timespec="seconds"),
            tool_version="0",
            rules_version=RULES_VERSION,
        )
    )
    for name in names:
        run.write_dump(_dump(name, sent, now))
    return run


def _dump(host: str, sent: Sent, now: datetime) -> Dump:
    at = now.isoformat(timespec="seconds")
    return Dump(host, sent.nonce.decode(), sent.gz[0], sent.gz[1], at, 0.5)


def _cpu(sent: Sent, run: Run) -> Iterator[Figure]:
    hosts = len(run.manifest.hosts)
    core_s, gunzip_s = (each * hosts for each in _core_and_gunzip_s(run))
    begin_s, begin_at = own_cpu_s(), time.monotonic()
    if embedded.execute(run, Session(), lambda _: None, threading.Event(), processes=PROCESSES) is None:
        raise SystemExit("the run was stopped")
    own_s, took_s = own_cpu_s() - begin_s, time.monotonic() - begin_at
    beside_s = _beside_s()
    rest_s = own_s + beside_s - core_s - gunzip_s
    again_s = _timed(lambda: render_report(run))
    yield Figure("pipeline_hosts", hosts, "hosts")
    yield Figure("pipeline_mappings", sent.mappings, "mappings")
    yield Figure("pipeline_gunzip", gunzip_s / hosts * 1e3, "ms/host")
    yield Figure("pipeline_core", core_s / hosts * 1e3, "ms/host")
    yield Figure("pipeline_beside", beside_s / hosts * 1e3, "ms/host")
    yield Figure("pipeline_main", own_s / hosts * 1e3, "ms/host")
    yield Figure("pipeline_render_again", again_s / hosts * 1e3, "ms/host")
    yield Figure("pipeline_wall", took_s, "s")
    yield Figure("pipeline_rest_vs_gunzip", rest_s / gunzip_s, "ratio", 2.7)


def _timed(step: object) -> float:
    begin_s = own_cpu_s()
    step()  # type: ignore[operator]
    return own_cpu_s() - begin_s


def _core_and_gunzip_s(run: Run) -> tuple[float, float]:
    """CPU seconds a host of both, as they run among all else that is done to a host: medians."""
    core_s, gunzip_s = [], []
    for host in run.manifest.hosts[:MEASURED_HOSTS]:
        dump = run.read_dump(host.name)
        begin_s = own_cpu_s()
        parts_gz = dump.memory_gz, dump.identity_gz
        memory, identity = (zlib.decompress(part, wbits=31) for part in parts_gz)
        unpacked_s = own_cpu_s()
        snapshot = read(memory, identity, dump.nonce.encode())
        parts = classify(snapshot)
        sums = footprints(snapshot, parts)
        unsure, identities, found = doubts(snapshot, parts), identify(snapshot), find(snapshot, parts, sums)
        gunzip_s.append(unpacked_s - begin_s)
        core_s.append(own_cpu_s() - unpacked_s)
        results.encode(
            host_result(
                host_record(dump, snapshot, "", RULES_VERSION),
                snapshot,
                identities,
                sums,
                unsure=unsure,
                found=found,
            )
        )
    return statistics.median(core_s), statistics.median(gunzip_s)


def _beside_s() -> float:
    """CPU of the processes beside this one, their start included, once they have ended."""
    forkservers = [child for child in psutil.Process().children() if "forkserver" in "".join(child.cmdline())]
    until = time.monotonic() + SETTLE_S
    while time.monotonic() < until and any(server.children() for server in forkservers):
        time.sleep(0.1)
    times = [each.cpu_times() for server in forkservers for each in (server, *server.children())]
    return float(sum(one.user + one.system + one.children_user + one.children_system for one in times))


class _CountingStore(Folder):
    """A store that counts what is asked of it."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.reads = Counter[str]()
        self.calls = Counter[str]()

    def read(self, path: str, limit_bytes: int = OBJECT_BYTES_MAX) -> bytes:
        self.reads[path] += 1
        self.calls["read"] += 1
        return super().read(path, limit_bytes)

    def write_once(self, path: str, content: bytes | Iterable[bytes], *, lasting: bool = True) -> bool:
        self.calls["write"] += 1
        return super().write_once(path, content, lasting=lasting)

    def replace(self, path: str, content: bytes | Iterable[bytes]) -> None:
        self.calls["write"] += 1
        super().replace(path, content)

    def list(self, folder: str = "") -> list[str]:
        self.calls["list"] += 1
        return super().list(folder)


def _counted(sent: Sent, runs: Runs) -> Iterator[Figure]:
    """A host's way step by step in this process: what it writes, syncs, lists, and how often it is read."""
    given = run_of(runs, sent, COUNTED_HOSTS)
    kept = [given.read_dump(host.name) for host in given.manifest.hosts]
    for dump in kept:
        given.remove_dump(dump.host)
    store = _CountingStore(given.url)
    run = Run(store, given.manifest)
    with _syncs() as syncs:
        for dump in kept:
            keep(run, dump)
            classify_host(run, dump.host)
    files = [path for path in Path(given.url).rglob("*") if path.is_file() and path.name != "manifest.json"]
    yield Figure("host_syncs", len(syncs) / COUNTED_HOSTS, "syncs/host")
    yield Figure("host_writes", store.calls["write"] / COUNTED_HOSTS, "writes/host")
    yield Figure("host_lists", store.calls["list"] / COUNTED_HOSTS, "listings/host")
    yield Figure("host_files", len(files) / COUNTED_HOSTS, "files/host")
    yield Figure("host_dump_bytes", _bytes(files, "dumps") / COUNTED_HOSTS, "bytes/host")
    made = sum(_bytes(files, folder.rstrip("/")) for folder in RESULTS)
    yield Figure("host_result_bytes", made / COUNTED_HOSTS, "bytes/host")
    store.reads.clear()
    close_run(run)
    yield Figure("close_reads", _results_read(store) / COUNTED_HOSTS, "reads/host")
    render_report(run)
    yield Figure("close_and_render_reads", _results_read(store) / COUNTED_HOSTS, "reads/host")


def _results_read(store: _CountingStore) -> int:
    return sum(count for path, count in store.reads.items() if path.startswith(RESULTS))


def _bytes(files: list[Path], folder: str) -> int:
    return sum(path.stat().st_size for path in files if folder in path.parts)


@contextlib.contextmanager
def _syncs() -> Iterator[list[int]]:
    seen: list[int] = []
    plain = os.fsync

    def counted(handle: int) -> None:
        seen.append(handle)
        plain(handle)

    os.fsync = counted  # type: ignore[assignment]
    try:
        yield seen
    finally:
        os.fsync = plain


def main(arguments: list[str]) -> int:
    """Measure, print and keep; 1 when the bound is not met."""
    kept = {}
    for figure in figures(int(arguments[0]) if arguments else HOSTS):
        print(figure.line(), flush=True)
        kept[figure.name] = {key: value for key, value in asdict(figure).items() if key != "name"}
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(kept, indent=1) + "\n")
    return int(any(row["at_most"] is not None and row["value"] > row["at_most"] for row in kept.values()))
