"""What --json prints of a run that has ended: how it ended, the largest hosts, and where its report is."""

from dataclasses import asdict
from typing import Final

from archive.run import PAGE, Run
from domain.records import Closed
from mapsweep.documents import Json
from mapsweep.mailing import Sent, as_json
from mapsweep.terminal.exits import Exit
from reports.formats.render_json import summary_of
from reports.report import Report
from reports.rows import HostRow, cell
from reports.sentence import verdict
from reports.text import asker_words

_HOST: Final = (  # columns of a host
    "rank",
    "name",
    "status",
    "native_heap_resident_max_bytes",
    "native_heap_resident_bytes",
    "stacks",
    "stacks_resident_max_bytes",
    "growth_bytes",
    "bloat_bytes",
    "threads",
    "rss_bytes",
    "largest_pid",
)
_FILES: Final = (("page", PAGE), ("json", "report.json"), ("hosts_csv", "hosts.csv"))


def run_document(
    run: Run, settled: Report, sent: Sent, met: list[str], *, code: Exit, top: int
) -> dict[str, Json]:
    """The members of the document. Keys are named as in report.json; sizes are in bytes, unknown is null.

    `top` is how many hosts it has at most, `met` a sentence per --fail-on threshold that is met.
    """
    return {
        "run": {
            **{name: None if value == "" else value for name, value in asdict(settled.run).items()},
            "asker": asker_words.document(settled.run.asker),
        },
        "place": run.url,
        "verdict": str(verdict.word(settled)),
        "summary": summary_of(settled),
        "exit_code": int(code),
        "totals": _totals(settled),
        "hosts": list[Json]([_host(host) for host in settled.hosts if host.rank is not None][:top]),
        "failures": [
            {
                "status": group.status,
                "stage": group.stage,
                "reason": group.reason,
                "remedy": group.remedy,
                "hosts": list(group.hosts),
            }
            for group in settled.failures
        ],
        "thresholds_met": list[Json](met),
        "report": {name: run.report_path(file) for name, file in _FILES},
        "mail": as_json(sent),
    }


def exit_of(closed: Closed) -> Exit:
    """The exit code, by how many hosts answered, completely or partially."""
    if not closed.failed:
        return Exit.OK
    return Exit.ALL_FAILED if closed.failed == closed.asked else Exit.SOME_FAILED


def _host(host: HostRow) -> dict[str, Json]:
    return {name: cell(host, name) for name in _HOST}


def _totals(settled: Report) -> dict[str, Json]:
    totals = settled.totals
    return {
        "native_heap_resident_max_bytes": totals.native_heap.resident_max_bytes,
        "native_heap_resident_bytes": totals.native_heap.resident_bytes,
        "stacks": totals.stacks,
        "stacks_resident_max_bytes": totals.thread_stacks.resident_max_bytes,
        "stacks_resident_bytes": totals.thread_stacks.resident_bytes,
        "growth_bytes": totals.growth_bytes,
        "bloat_bytes": totals.bloat_bytes,
        "threads": totals.threads,
        "rss_bytes": totals.rss_bytes,
        "mem_total_bytes": totals.mem_total_bytes,
    }
