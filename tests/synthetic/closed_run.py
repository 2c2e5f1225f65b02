"""Closed runs of as many hosts as a test wants: their rows are made, all else is the archive and the closing.

The rows go the way of real ones, through results and `settle`, so that every sum and every column of the
settled tables is what a closing makes of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from archive.results import Result
from archive.run import Run
from archive.runs import Runs
from archive.tables import to_ipc
from domain.records import Failure, Host, HostRecord, Limits, Manifest, Scope, Stage
from reports.closing.settle import settle
from tests.synthetic.rows import NOW_S, Drawn, Rows, draw, earlier, rows_of

GIB: Final = 2**30
RULES: Final = "2026.11"
STARTED: Final = ("2026-11-{:02}T04:00:00Z", "202611{:02}T040000Z-nightly-{:04x}")
CLOSED_AT: Final = "2026-11-{:02}T04:11:07Z"
DAY: Final = 22  # of the run; earlier ones are on the days before
_TROUBLES: Final = (
    (Stage.TCP, "tcp_timeout", "no answer within 10 s"),
    (Stage.AUTH, "auth_rejected", "the server took none of the keys"),
    (Stage.HOSTKEY, "hostkey_unknown", "the host's key is not in known_hosts"),
    (Stage.READ, "stalled", "nothing came for 30 s"),
)
_OWNERS: Final = ("payments", "search", "platform", "data")


@dataclass(frozen=True, slots=True)
class Fleet:
    """How large a made fleet is. The same values give the same run."""

    hosts: int = 500  # asked; some of them fail
    processes: int = 12  # a host that answers
    seed: int = 1
    failed: float = 0.02  # share of hosts
    earlier: int = 1  # closed runs before it, of the same fleet some days younger


def closed_run(runs: Runs, fleet: Fleet) -> Run:
    """The run, closed and not rendered, with its earlier runs in the same folder."""
    failing = int(fleet.hosts * fleet.failed)
    now = draw(fleet.hosts - failing, fleet.processes, fleet.seed)
    lost = tuple(f"lost-{place:05d}.{_OWNERS[place % 4]}.example.net" for place in range(failing))
    for before in range(fleet.earlier, 0, -1):
        _close(runs, DAY - before, fleet.seed, earlier(now, fleet.seed + before), lost)
    return _close(runs, DAY, fleet.seed, now, lost)


def _close(runs: Runs, day: int, seed: int, drawn: Drawn, lost: tuple[str, ...]) -> Run:
    asked = [
        Host(name, "192.0.2.1", labels=(("owner", _OWNERS[place % len(_OWNERS)]),))
        for place, name in enumerate((*drawn.names, *lost))
    ]
    run = runs.create(
        Manifest(
            run_id=STARTED[1].format(day, seed),
            scope=Scope("nightly", "all"),
            limits=Limits(),
            hosts=tuple(asked),
            started_at=STARTED[0].format(day),
            deadline_at=STARTED[0].format(day).replace("T04", "T05"),
            tool_version="0.1.0",
            rules_version=RULES,
            command="mapsweep collect --hosts all --name nightly",
            keep_dumps=False,
        )
    )
    for result in _results(drawn, rows_of(drawn, seed)):
        run.write_result(result)
    for place, name in enumerate(lost):
        stage, reason, detail = _TROUBLES[place % len(_TROUBLES)]
        run.write_failure(Failure(name, stage, reason, detail, "", 1, STARTED[0].format(day), 10.0))
    run.close(settle(run, runs, CLOSED_AT.format(day)))
    return run


def _results(drawn: Drawn, rows: Rows) -> Iterator[Result]:
    """The results of the hosts, cut out of the tables of all."""
    sections = [
        (name, frame.drop("of"), _starts(frame, len(drawn.names)))
        for name, frame in (
            ("processes", rows.processes),
            ("arguments", rows.arguments),
            ("footprints", rows.footprints),
            ("findings", rows.findings),
        )
    ]
    denied = rows.processes.group_by("of").agg((pl.col("evidence") == "denied").sum())
    unread = dict(denied.iter_rows())
    for of, name in enumerate(drawn.names):
        packed = {
            section: to_ipc(frame.slice(starts[of], starts[of + 1] - starts[of]))
            for section, frame, starts in sections
        }
        sent = sections[0][2][of + 1] - sections[0][2][of]
        yield Result(_record(name, of, sent, unread.get(of, 0)), packed)


def _starts(frame: pl.DataFrame, hosts: int) -> list[int]:
    """The first row of each host, and the number of rows."""
    return frame["of"].search_sorted(pl.Series(range(hosts + 1), dtype=pl.Int64)).to_list()


def _record(name: str, of: int, sent: int, denied: int) -> HostRecord:
    """The facts of a host; RAM, kernel and age differ between hosts."""
    total = (16, 32, 64, 128)[of % 4] * GIB
    parts = {"MemFree": 30, "MemAvailable": 55, "Buffers": 2, "Cached": 20, "Shmem": 1, "AnonPages": 40}
    meminfo = {name: total * part // 100 for name, part in parts.items()}
    meminfo |= {
        "MemTotal": total,
        "Slab": total // 50,
        "SUnreclaim": total // 160,
        "PageTables": total // 400,
        "KernelStack": total // 900,
    }
    return HostRecord(
        host=name,
        at=STARTED[0].format(DAY),
        elapsed_s=round(0.4 + of % 37 / 10, 2),
        attempt=1 + (of % 29 == 0),
        complete=of % 101 != 100,
        problem="" if of % 101 != 100 else "the dump ends early",
        listed=sent,
        sent=sent,
        kernel_threads=150 + of % 60,
        denied=denied,
        vanished=of % 3,
        kernel=("6.1.0-30-amd64", "6.12.48-1-amd64", "5.15.0-161-generic")[of % 3],
        os_name=("Debian GNU/Linux 12 (bookworm)", "Debian GNU/Linux 13 (trixie)", "Ubuntu 22.04.5 LTS")[
            of % 3
        ],
        cores=(4, 8, 16, 32)[of % 4],
        page_bytes=4096,
        boot_id=f"{of:08x}",
        clock_s=NOW_S,
        mem_total_bytes=total,
        meminfo_bytes=meminfo | {"Hugetlb": 0},
        overcommit_memory=0,
        max_map_count=65530,
        thp_mode="madvise",
        rules_version=RULES,
    )
