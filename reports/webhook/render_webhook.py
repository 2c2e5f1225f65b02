"""The news of a run as a document for the webhook: a SARIF 2.1.0 log, and a line of text for chats."""

import json
import re
from importlib.metadata import version
from typing import Any, Final, TypeAlias

from reports.changes.rows import Change, ChangeRow, Subject
from reports.findings.rows import FindingGroup, Standing
from reports.report import Report
from reports.sentence.headline import headline
from reports.text.plain import printable

Json: TypeAlias = dict[str, Any]

SARIF_VERSION: Final = "2.1.0"
SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
FINGERPRINT: Final = "mapsweep/v1"
HOST_FAILED: Final = "host_failed"  # the rule of a host that answered before
FINDINGS_MAX: Final = 100
HOSTS_MAX: Final = 100
TEXT_CHARS_MAX: Final = 1000  # of each text that is not ours
LINES_MAX: Final = 5  # named in the text
LEVELS: Final = {"alarm": "error", "warning": "warning", "info": "note"}
_MENTION: Final = re.compile(r"(?<![^\W_])@(?=\w)")
_BARE_LINK: Final = re.compile(r"\bwww\.(?=\w)", re.IGNORECASE)  # a link for some chats, without a scheme
_PLACEHOLDER: Final = re.compile(r"\{(?=\d+\})")


def render(report: Report, page: str) -> bytes | None:
    """The document (JSON, UTF-8) for a report whose page is there; None if it has no news.

    News are findings that are new, above the severity `info` and not muted, and hosts that newly fail. A run
    that has nothing to compare with has none: all that it finds would be new.
    """
    if not report.run.compared_with:
        return None
    findings = [one for one in report.findings if _is_news(one)]
    failed = report.changes.count(Change.FAILED, Subject.HOST)
    rows = [row for row in report.changes.rows if (row.change, row.subject) == (Change.FAILED, Subject.HOST)]
    failed = max(failed, len(rows))
    if not findings and not failed:
        return None
    results = [_finding(one, page) for one in findings[:FINDINGS_MAX]]
    results += [_failure(row, report, page) for row in rows[:HOSTS_MAX]]
    counts = {"new_findings": len(findings), "newly_failed_hosts": failed}
    left_out = len(findings) + failed - len(results)
    text = _text(report, findings, page)
    return document(text, results, _about(report, page) | counts | {"left_out": left_out}, report)


def trial_document(page: str) -> bytes:
    """A document that says that the webhook is being tested; it has no result."""
    text = "mapsweep tests its webhook: nothing was found, nothing is to be done."
    return document(text, [], {"is_test": True, "link": page})


def document(text: str, results: list[Json], about: Json, report: Report | None = None) -> bytes:
    """The document, from its parts."""
    run: Json = {
        "tool": {"driver": {"name": "mapsweep", "version": version("mapsweep")}},
        "results": results,
        "properties": about,
    }
    if report is not None:
        run["automationDetails"] = {"id": f"mapsweep/{_cut(report.run.scope)}/{report.run.run_id}"}
    whole = {"text": text, "$schema": SARIF_SCHEMA, "version": SARIF_VERSION, "runs": [run]}
    return (json.dumps(whole, ensure_ascii=True, allow_nan=False, separators=(",", ":")) + "\n").encode()


def _is_news(one: FindingGroup) -> bool:
    return one.standing == Standing.NEW and one.severity != "info" and not one.is_muted


def _about(report: Report, page: str) -> Json:
    run = report.run
    return {
        "run_id": run.run_id,
        "scope": _cut(run.scope),
        "started_at": run.started_at,
        "compared_with": run.compared_with or None,
        "compared_at": run.compared_at or None,
        "hosts_asked": run.asked,
        "hosts_failed": run.failed,
        "link": page,
    }


def _finding(one: FindingGroup, page: str) -> Json:
    first = one.first[0] if one.first else None
    return {
        "ruleId": one.code,
        "level": LEVELS.get(one.severity, "warning"),
        "message": {"text": for_sarif(one.title)},
        "baselineState": "new",
        "locations": [_location("service", one.service)],
        "partialFingerprints": {FINGERPRINT: one.fingerprint},
        "properties": {
            "service": _cut(one.service),
            "host": _cut(first.host) if first else None,
            "process": _cut(first.comm) if first else None,
            "pid": first.pid if first else None,
            "hosts": one.hosts,
            "members": one.members,
            "kind": one.kind or None,
            "bytes": one.bytes,
            "before_bytes": one.before_bytes,
            "owner": _cut(one.owner) or None,
            "since": one.since_at or None,
            "advice": _cut(one.advice) or None,
            "link": page,
        },
    }


def _failure(row: ChangeRow, report: Report, page: str) -> Json:
    why = ", ".join(filter(None, (row.stage, row.reason)))
    return {
        "ruleId": HOST_FAILED,
        "level": "error",
        "message": {
            "text": f"{for_sarif(row.host)} answered in the last run, and fails now: {for_sarif(why)}"
        },
        "baselineState": "new",
        "locations": [_location("host", row.host)],
        "partialFingerprints": {FINGERPRINT: f"{HOST_FAILED}:{_cut(row.host)}"},
        "properties": {
            "host": _cut(row.host),
            "stage": row.stage or None,
            "reason": row.reason or None,
            "owner": _cut(row.owner) or None,
            "since": report.run.started_at,
            "link": page,
        },
    }


def _location(kind: str, name: str) -> Json:
    return {"logicalLocations": [{"name": _cut(name), "kind": kind}]}


def _text(report: Report, findings: list[FindingGroup], page: str) -> str:
    """What a chat shows: the sentence of the run, the first findings that are new, and where to read on."""
    lines = [f"new: {one.service}: {one.title}" for one in findings[:LINES_MAX]]
    if len(findings) > LINES_MAX:
        lines.append(f"and {len(findings) - LINES_MAX} more new findings")
    shown = [f"mapsweep {report.run.scope}: {headline(report).sentence}", *lines]
    return "\n".join((*map(for_chat, shown), page))


def for_chat(text: str) -> str:
    """A text in which a chat finds no link, mention, entity or block of code: others choose names in it."""
    plain = _cut(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    plain = plain.replace("](", "] (").replace("://", ": //").replace("`", "'")
    return _MENTION.sub("(at)", _BARE_LINK.sub(lambda found: f"{found[0][:-1]} .", plain))


def for_sarif(text: str) -> str:
    """A text in which a reader of SARIF finds neither a link nor the place of an argument."""
    return _PLACEHOLDER.sub("{ ", _cut(text).replace("](", "] ("))


def _cut(text: str) -> str:
    """A text in printable characters, not too long."""
    shown = printable(text)
    return shown if len(shown) <= TEXT_CHARS_MAX else shown[: TEXT_CHARS_MAX - 3] + "..."
