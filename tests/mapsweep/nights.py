"""Four nights of a small fleet of which a test knows everything, and a run by hand after them.

app-1 to app-5 run checkout.service. In the last night app-3 has 700 MiB more in its arenas, app-2 was
restarted, app-5 is gone and app-6 new; db-1 did not answer the night before. nginx has two processes that are
alike.
"""

from dataclasses import replace
from pathlib import Path

from archive.run import Run
from archive.runs import Runs
from domain.records import Scope
from tests.reports.fleet import BOOT_S, MIB, Answered, Block, Process, failure, run_of

SCOPE = Scope("nightly", "prod-*")
CALM, GROWN = 100 * MIB, 800 * MIB
LAST = 23  # of November 2026
HOSTILE = "\x1b[31mred\u202e\u2028=1"


def night(day: int) -> str:
    return f"202611{day}T020000Z-nightly-0001"


def checkout(arenas_bytes: int, ticks: int = 4200, evidence: str = "maps") -> Process:
    """A java process with so much in its arenas."""
    return Process(
        4711,
        service="checkout.service",
        blocks=(Block("heap_arena", arenas_bytes, count=3), Block("java_heap", 64 * MIB)),
        rss_anon_bytes=arenas_bytes + 64 * MIB,
        start_ticks=ticks,
        started_at_s=BOOT_S + ticks / 100,
        evidence=evidence,
    )


def app(number: int, process: Process) -> Answered:
    worker = Process(
        31, "nginx", "nginx.service", (Block("heap_main", 2 * MIB),), 3 * MIB, arguments="nginx", exe="/nginx"
    )
    odd = replace(worker, pid=40, comm=HOSTILE, service="odd.service", exe=f"/bin/{HOSTILE}", arguments="odd")
    others = (worker, replace(worker, pid=32), odd) if number == 1 else ()
    return Answered(f"app-{number}", (process, *others), labels=(("owner", "payments"),))


def database() -> Answered:
    process = Process(90, "postgres", "postgresql.service", (Block("heap_main", 20 * MIB),), 30 * MIB)
    return Answered("db-1", (replace(process, arguments="postgres", exe="/usr/bin/postgres"),))


def _close(runs: Runs, day: int, *answered: Answered, fails: bool = False) -> Run:
    return run_of(
        runs,
        *answered,
        failures=(failure("db-1"),) if fails else (),
        run_id=night(day),
        scope=SCOPE,
        started_at=f"2026-11-{day}T02:00:00+00:00",
        hosts_a_part=2,
    )


def nights(folder: Path) -> Runs:
    """The runs, all of them closed."""
    runs = Runs(str(folder))
    calm = [app(number, checkout(CALM)) for number in range(1, 6)]
    _close(runs, LAST - 3, *calm, database())
    _close(runs, LAST - 2, *calm, database())
    _close(runs, LAST - 1, *calm, fails=True)
    last = [
        app(1, checkout(CALM)),
        app(2, checkout(CALM, ticks=9900)),
        app(3, checkout(GROWN)),
        app(4, checkout(CALM)),
        app(6, checkout(CALM)),
    ]
    _close(runs, LAST, *last, database())
    run_of(
        runs,
        Answered("laptop", (checkout(CALM),)),
        run_id=f"202611{LAST}T120000Z-adhoc-0001",
        scope=Scope("adhoc", "laptop"),
        started_at=f"2026-11-{LAST}T12:00:00+00:00",
    )
    return runs
