"""What `mapsweep show --json` prints. Keys are the names of columns; sizes are bytes, unknown is null."""

from typing import Any, Final

from archive.run import Run
from mapsweep.host_view.kept_process import Kept
from mapsweep.host_view.kind_lines import sums
from mapsweep.host_view.process_table import Wanted, ordered
from mapsweep.process_view.process_json import part_rows
from procmaps.classify import RULES_VERSION
from reports.views.one_host import FINDING_COLUMNS, OneHost, Row

_RUN: Final = (
    "run_id",
    "scope",
    "hosts",
    "evidence",
    "started_at",
    "closed_at",
    "compared_with",
    "compared_at",
)
_KINDS: Final = (
    *("kind", "family", "block_bytes", "count", "reserved_bytes", "committed_bytes", "resident_bytes"),
    *("resident_max_bytes",),
)
_OF_PROCESS: Final = (*_KINDS, "pss_bytes", "swap_bytes")


def host_document(view: OneHost, run: Run, wanted: Wanted) -> dict[str, Any]:
    """A host: its columns, its processes in the order wanted, its kinds and findings."""
    rows = list(ordered(view, wanted).iter_rows(named=True))
    kinds = [name for name in _KINDS if name != "block_bytes"]
    return {
        **_about(view, run),
        "processes": [_filled(row) for row in (rows if wanted.limit is None else rows[: wanted.limit])],
        "processes_count": len(rows),
        "kinds": list(view.kinds.select(kinds).iter_rows(named=True)),
        "findings": _findings(view.findings),
    }


def process_document(view: OneHost, run: Run, row: Row, kept: Kept | None, *, why: bool) -> dict[str, Any]:
    """A process: its columns, its kinds with their sums, its findings; its mappings if asked for."""
    own = view.footprints_of(row)
    document = {
        **_about(view, run),
        "process": _filled(row),
        "kinds": list(own.select(_OF_PROCESS).iter_rows(named=True)),
        "sums": sums(own),
        "findings": _findings(view.findings_of(row)),
    }
    return document if kept is None else document | {"mappings": _mappings(kept, why=why)}


def _mappings(kept: Kept, *, why: bool) -> dict[str, Any]:
    parts = [] if kept.process is None else part_rows(kept.process, why=why)
    return {"rules_version": RULES_VERSION, "missing": kept.missing or None, "parts": parts}


def _about(view: OneHost, run: Run) -> dict[str, Any]:
    return {
        "run": {name: _known(view.fleet[name]) for name in _RUN} | {"place": run.url},
        "rules_version": _known(view.rules_version),
        "host": _filled(view.host),
        "notes": list(view.notes),
    }


def _findings(findings: Any) -> list[Row]:
    return [_filled(row) for row in findings.select(FINDING_COLUMNS).iter_rows(named=True)]


def _filled(row: Row) -> Row:
    """Empty text is unknown."""
    return {name: _known(value) for name, value in row.items()}


def _known(value: Any) -> Any:
    return None if value == "" else value
