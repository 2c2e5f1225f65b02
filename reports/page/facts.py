"""What the page's script is told beside the tables: the run, what is left out, what the kinds mean."""

from collections.abc import Sequence
from shlex import quote
from typing import Final

import polars as pl

from procmaps.kind_words import KIND_WORDS
from reports.changes import noise
from reports.columns.change_columns import CHANGES
from reports.columns.column import Column
from reports.columns.columns import FOOTPRINTS, HOSTS, PROCESSES, SERVICES
from reports.columns.group_columns import GROUPS
from reports.findings.rows import FIRST_LOOKED, LOOKED_OTHERWISE
from reports.formats import render_json
from reports.host_rows import kind_rows
from reports.page import first_screen
from reports.page.budget import Content
from reports.page.container import Json
from reports.page.news import News
from reports.page.rows import Rows
from reports.report import Report
from reports.sentence import next_commands, verdict
from reports.text.sizes import number
from reports.text.words import WORDS

_TABLES: Final = {
    "hosts": HOSTS,
    "services": SERVICES,
    "processes": PROCESSES,
    "kinds": FOOTPRINTS,
    "changes": CHANGES,
    "groups": GROUPS,
}


def of(report: Report, news: News, content: Content, said: Sequence[str]) -> dict[str, Json]:
    """All of it, as JSON."""
    return {
        "run": render_json.run_of(report.run),
        "totals": render_json.totals_of(report.totals),
        "word": verdict.words(report),
        "late": verdict.late(report),
        "took": first_screen.took(report),
        "left_out": list(said),
        "detail": {
            "processes_a_host": content.processes_a_host,
            "findings_a_host": content.findings_a_host,
            **{name: {"shown": part.shown, "of": part.of} for name, part in content.parts.items()},
        },
        "kinds": {
            kind.label: {
                "family": kind.family.label,
                "meaning": words.meaning,
                "when_large": words.when_large,
            }
            for kind, words in KIND_WORDS.items()
        },
        "words": dict(WORDS),
        "history": {
            "runs": [{"run_id": run, "started_at": at} for run, at in news.runs.iter_rows()],
            "hosts": content.history_hosts,
            "services": content.history_services,
        },
        "findings_compared_with": report.run.findings_compared_with or None,
        "commands": next_commands.WHERE,
        "first_looked": [FIRST_LOOKED, LOOKED_OTHERWISE],
        "not_told": noise.SENTENCE,
        "layout": "single",
        "links": None,
    }


def of_host(report: Report, rows: Rows, news: News, content: Content, said: Sequence[str]) -> dict[str, Json]:
    """The same for the page of one host: the totals are its own."""
    host = rows.hosts.row(0, named=True)
    kinds = rows.host_kinds.with_columns(pl.lit(0, pl.Int64).alias("block_bytes"))
    totals: dict[str, Json] = {
        name: host[name] for name in render_json.totals_of(report.totals) if name in host
    }
    totals["kinds"] = [render_json.kind_of(row) for row in kind_rows(kinds)]
    return of(report, news, content, said) | {"totals": totals, "layout": "host"}


def left_out(report: Report, content: Content, locked: str = "") -> list[str]:
    """A sentence for each thing of the run that is not in the page, with the command that shows it.

    `locked` says why dumps could not be read, if some could not.
    """
    run_id, a_host = quote(report.run.run_id), content.processes_a_host
    table, show = f"mapsweep report {run_id} --format csv --table", f"mapsweep show HOST/PID --run {run_id}"
    sentences = {
        "hosts": ("the first {} of {} hosts", f"All of them: {table} hosts"),
        "services": ("the first {} of {} services", f"All of them: {table} services"),
        "changes": ("the first {} of {} changes", f"All that the run keeps: {table} changes"),
        "groups": ("the first {} of {} findings of services", f"All of them: {table} finding_groups"),
        "history": (
            "the last runs of the first {} of {} hosts and services",
            "Those of another one: mapsweep history NAME",
        ),
        "findings": (
            f"at most {content.findings_a_host} findings per host, {{}} of {{}}, the most severe first",
            f"All of them: {table} findings",
        ),
        "host_kinds": (
            "the kinds of the first {} of {} hosts",
            f"Those of another host: mapsweep show HOST --run {run_id}",
        ),
        "processes": (
            f"at most {a_host} processes per host, {{}} of {{}}, those with findings, growth or bloat first",
            f"All of them: {table} processes; a page per host: mapsweep report {run_id} --layout dir",
        ),
        "kinds": ("the kinds of {} of {} processes", f"Those of another one: {show}"),
        "arguments": ("the arguments of {} of {} processes", f"Those of another one: {show}"),
        "mappings": (
            ("the mappings of {} of {} processes", f"Those of another one: {show}")
            if report.tables.manifest.keep_dumps and not locked
            else ("the mappings of {} of {} processes", _no_mappings(report, locked))
        ),
    }
    return [
        f"This page has {what.format(number(part.shown), number(part.of))}. {remedy}"
        for name, (what, remedy) in sentences.items()
        if (part := content.parts[name]).shown < part.of
    ]


def _no_mappings(report: Report, locked: str) -> str:
    if report.run.redacted:
        return "A redacted page has none."
    if locked:
        return locked
    return "They are read from dumps, and this run kept none."


def _said(column: Column) -> dict[str, Json]:
    return {
        "name": column.name,
        "title": column.title,
        "unit": column.unit.value,
        "meaning": column.meaning,
        "source": column.source,
    }


DECLARED: Final[dict[str, Json]] = {
    table: [_said(column) for column in columns] for table, columns in _TABLES.items()
}
