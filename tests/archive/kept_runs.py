"""Runs of some days, small, as they lie in an archive."""

from dataclasses import replace
from datetime import datetime, timedelta

from archive.run import Run
from archive.run_ids import new_run_id
from archive.runs import Runs
from domain.records import Closed, Scope
from tests.archive.examples import manifest


def made(
    runs: Runs,
    now: datetime,
    days: float,
    *,
    scope: str = "nightly",
    ok: int = 1,
    complete: bool = True,
    is_open: bool = False,
    results: str = "1",
    by_older: bool = False,
    mail_to: tuple[str, ...] = (),
) -> Run:
    """A run that began some days before now, with a dump, a result, a table and a report.

    It is closed, unless it is to be open; `by_older` closes it as a mapsweep did that recorded less.
    """
    began = now - timedelta(days=days)
    asked = replace(
        manifest("a"),
        run_id=new_run_id(began, scope),
        scope=Scope(scope, "all"),
        mail_to=mail_to,
        started_at=began.isoformat(timespec="seconds"),
        deadline_at=(began + timedelta(hours=4)).isoformat(timespec="seconds"),
    )
    run = runs.create(asked)
    for path in ("dumps/a.dump", "results/1/a.result", "settled/1/fleet-0000.parquet", "report/index.html"):
        run.store.write_once(path, b"x" * 1000)
    if is_open:
        return run
    closed = Closed(
        run.run_id, asked.started_at, 1, ok, 0, 1 - ok, complete, rules_version="1", results=results
    )
    if not by_older:
        closed = replace(
            closed,
            scope=scope,
            hosts="all",
            started_at=asked.started_at,
            native_heap_resident_max_bytes=5 * 2**30,
            dumps_bytes=1000,
            results_bytes=2000,
        )
    run.close(closed)
    return run
