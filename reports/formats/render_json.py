"""report.json: the summary of a run; sizes are integers, unknown is null.

It says what changed, and has the sums, the failures and findings in groups, and the first rows of each
ranking, with the names of `reports.columns.columns`: it stays small whatever the fleet. All rows are in
`reports.formats.exports`.
`reports.formats.json_schema` describes it.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

from reports.columns.change_columns import CHANGES
from reports.columns.column import names_of
from reports.columns.columns import TABLES
from reports.findings.rows import FindingGroup
from reports.formats.json_text import Json, objects, text
from reports.report import FailureGroup, Report, RunFacts, Totals
from reports.rows import Extent, KindRow
from reports.sentence import verdict
from reports.sentence.headline import headline
from reports.text import asker_words
from reports.views import top
from reports.views.top import Top

SCHEMA_VERSION: Final = 3
GROUPS_MAX: Final = 100  # of failures, and of findings
CHANGES_MAX: Final = 100  # rows, the most important first


def render(report: Report) -> Iterator[bytes]:
    """One JSON document in ASCII, a line a row; the same report gives the same pieces."""
    rankings = top.rankings(report)
    head: dict[str, Json] = {
        "schema_version": SCHEMA_VERSION,
        "verdict": verdict.word(report).value,
        "summary": summary_of(report),
        "run": run_of(report.run),
        "totals": totals_of(report.totals),
    }
    yield b"{\n"
    for name, value in head.items():
        yield _member(name, text(value))
    yield _member("changes", _changes(report))
    yield _member(
        "failures",
        _list([text(_failure(group)) for group in report.failures[:GROUPS_MAX]], len(report.failures)),
    )
    yield _member(
        "findings",
        _list([text(finding_of(group)) for group in report.findings[:GROUPS_MAX]], len(report.findings)),
    )
    tables = ",\n".join(f"{text(table)}:{{{_rankings(of_table)}}}" for table, of_table in rankings.items())
    yield _member("top", f"{{\n{tables}\n}}")
    left_out = ",\n".join(text(each) for each in _left_out(report, rankings))
    yield f'"left_out":[\n{left_out}\n]\n}}\n'.encode("ascii")


def _member(name: str, value: str) -> bytes:
    return f"{text(name)}:{value},\n".encode("ascii")


def _list(rows: list[str], of: int) -> str:
    """The first rows, and how many there are."""
    lines = ",\n".join(rows)
    return f'{{"of":{of},"rows":[\n{lines}\n]}}'


def _rankings(of_table: dict[str, Top]) -> str:
    return ",\n".join(f"{text(by)}:{_list(objects(one.rows), one.of)}" for by, one in of_table.items())


def _left_out(report: Report, rankings: dict[str, dict[str, Top]]) -> Iterator[dict[str, Json]]:
    """The tables of which not all rows are in the document, and the command that gives all of them."""
    counts: dict[str, int | None] = {
        "hosts": len(report.hosts),
        "services": len(report.services),
        "processes": report.totals.sent,
        "changes": len(report.changes.rows),
        "finding_groups": len(report.findings),
    }
    listed = {"changes": CHANGES_MAX, "finding_groups": GROUPS_MAX}
    for table in TABLES:
        of = counts.get(table)
        ranked = {row for one in rankings.get(table, {}).values() for row in one.rows[:, :2].rows()}
        shown = min(listed[table], of or 0) if table in listed else len(ranked)
        if of is None or shown < of:
            command = f"mapsweep report {report.run.run_id} --format ndjson --table {table}"
            yield {"table": table, "shown": shown, "of": of, "command": command}


def _failure(group: FailureGroup) -> dict[str, Json]:
    return {
        "status": group.status,
        "stage": group.stage,
        "reason": group.reason,
        "detail": group.detail,
        "remedy": group.remedy,
        "count": group.count,
        "hosts": list(group.hosts),
    }


def summary_of(report: Report) -> dict[str, Json]:
    """What a person needs first: the sentence, and whether something changed and became worse."""
    told = headline(report)
    return {
        "sentence": told.sentence,
        "short": told.short,
        "changed": verdict.news(report).value,
        "regressed": verdict.regressed(report),
        "rests_on": report.run.rests_on or None,
    }


def finding_of(group: FindingGroup) -> dict[str, Json]:
    """A finding with the names of `reports.columns.group_columns`, and its first members."""
    return asdict(group) | {"first": [asdict(member) for member in group.first]}


def _changes(report: Report) -> str:
    """How many changes of each sort there are, and the first rows, of how many."""
    changes = report.changes
    rows = objects(changes.rows.table.select(names_of(CHANGES)).head(CHANGES_MAX))
    of = max(len(changes.rows), sum(each.count for each in changes.counts))
    counts = ",\n".join(text(asdict(each)) for each in changes.counts)
    return f'{{"is_known":{text(changes.is_known)},"counts":[\n{counts}\n],{_list(rows, of)[1:]}'


def run_of(run: RunFacts) -> dict[str, Json]:
    """What the report is about; what there is none of is null."""
    return {
        "run_id": run.run_id,
        "scope": run.scope,
        "hosts": run.hosts,
        "evidence": run.evidence,
        "become": run.become,
        "due_at": run.due_at or None,
        "started_at": run.started_at,
        "closed_at": run.closed_at or None,
        "asked": run.asked,
        "ok": run.ok,
        "partial": run.partial,
        "failed": run.failed,
        "tool_version": run.tool_version,
        "rules_version": run.rules_version,
        "command": run.command,
        "asker": asker_words.document(run.asker),
        "become_hosts": run.become_hosts,
        "host_key_policy": run.host_key_policy or None,
        "arguments": run.arguments or None,
        "compared_with": run.compared_with or None,
        "compared_at": run.compared_at or None,
        "past_runs": run.past_runs,
        "redacted": run.redacted or None,
    }


def totals_of(totals: Totals) -> dict[str, Json]:
    """The sums over the hosts that answered, and their kinds."""
    return {
        **_extent("native_heap", totals.native_heap),
        "native_heap_least_bytes": totals.native_range.least_bytes,
        "native_heap_most_bytes": totals.native_range.most_bytes,
        "growth_bytes": totals.growth_bytes,
        "bloat_bytes": totals.bloat_bytes,
        "stacks": totals.stacks,
        **_extent("stacks", totals.thread_stacks),
        **_extent("java_heap", totals.java_heap),
        "doubtful": totals.doubtful,
        "guessed_bytes": totals.guessed_bytes,
        "present_bytes": totals.present_bytes,
        "threads": totals.threads,
        "sent": totals.sent,
        "denied": totals.denied,
        "rss_bytes": totals.rss_bytes,
        "swap_bytes": totals.swap_bytes,
        "mem_total_bytes": totals.mem_total_bytes,
        "kinds": [kind_of(row) for row in totals.kinds],
    }


def _extent(name: str, extent: Extent) -> dict[str, Json]:
    return {
        f"{name}_resident_max_bytes": extent.resident_max_bytes,
        f"{name}_resident_bytes": extent.resident_bytes,
        f"{name}_committed_bytes": extent.committed_bytes,
        f"{name}_reserved_bytes": extent.reserved_bytes,
    }


def kind_of(row: KindRow) -> dict[str, Json]:
    return {
        "kind": row.kind,
        "family": row.family.label,
        "count": row.count,
        "reserved_bytes": row.reserved_bytes,
        "committed_bytes": row.committed_bytes,
        "resident_bytes": row.resident_bytes,
        "resident_max_bytes": row.resident_max_bytes,
    }
