"""Nights of a small fleet, closed one after the other, and what their tables of changes say."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from archive.run import Run
from archive.runs import Runs
from reports.tables import settled
from reports.tables.settled import Settled
from tests.reports.fleet import BOOT_S, MIB, RULES, Answered, Process, failure, heap, run_of

ID: Final = "202611{:02d}T050000Z-prod-0001"


def night(
    runs: Runs,
    number: int,
    *answered: Answered,
    failed: Iterable[str] = (),
    rules_version: str = RULES,
    a_part: int = 250,
) -> Run:
    """The run of a day of November, closed."""
    return run_of(
        runs,
        *answered,
        failures=tuple(map(failure, failed)),
        run_id=ID.format(number),
        started_at=f"2026-11-{number:02d}T05:00:00Z",
        rules_version=rules_version,
        hosts_a_part=a_part,
    )


def app(pid: int = 100, anon_mib: int = 500, **changes: Any) -> Process:
    """A process of `api.service` with so much anonymous memory, all of it heap."""
    blocks = (heap(anon_mib * MIB),)
    return replace(Process(pid, blocks=blocks, rss_anon_bytes=anon_mib * MIB), **changes)


def restarted(process: Process, pid: int) -> Process:
    """The same program, started an hour later."""
    return replace(process, pid=pid, start_ticks=365_000, started_at_s=BOOT_S + 3_650)


def host(name: str, *processes: Process, **more: Any) -> Answered:
    """A host that answered."""
    return Answered(name, processes, **more)


def told(run: Run, *columns: str) -> list[tuple[Any, ...]]:
    """change, subject and these columns of all changes, in their order."""
    return Settled(run).table(settled.CHANGES).select("change", "subject", *columns).rows()


def story(run: Run) -> list[str]:
    """All changes in short: `grew process web1 api.service 700`, sizes in MiB."""
    rows = Settled(run).table(settled.CHANGES).iter_rows(named=True)
    return [" ".join(filter(None, _short(row))) for row in rows]


def _short(row: dict[str, Any]) -> Iterable[str]:
    yield from (row["change"], row["subject"], row["host"], row["service"], row["kind"])
    if row["change_bytes"] is not None:
        yield f"{row['change_bytes'] // MIB:+d}"


def folder(path: Path) -> Runs:
    return Runs(str(path))
