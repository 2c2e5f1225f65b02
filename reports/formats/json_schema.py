"""The JSON Schema of report.json and of the rows that `mapsweep report` writes, made from the declarations.

`python -m reports.formats.json_schema > docs/report.schema.json` writes the published copy.
"""

import json
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from procmaps.kinds import Family, Kind
from reports.changes.rows import Change, Subject
from reports.columns.change_columns import CHANGE_COUNTS, CHANGES
from reports.columns.column import Column, Unit
from reports.columns.columns import KINDS, TABLES
from reports.columns.group_columns import GROUPS
from reports.columns.shared_columns import DOUBTFUL, GROWTH, GUESSED, JAVA, NATIVE, RANGE, STACKS
from reports.findings.rows import Standing
from reports.formats.render_json import CHANGES_MAX, GROUPS_MAX, SCHEMA_VERSION
from reports.report import HOSTS_A_FAILURE_MAX
from reports.sentence import next_commands
from reports.sentence.headline import SENTENCE_LENGTH_MAX, SHORT_LENGTH_MAX
from reports.sentence.verdict import News, Word
from reports.tables.severities import SEVERITIES
from reports.views.top import MEASURES, ROWS_MAX

Schema: TypeAlias = dict[str, Any]

_BYTES: Final[Schema] = {"type": ["integer", "null"], "minimum": 0}
_TYPES: Final[dict[Unit, Schema]] = {
    Unit.TEXT: {"type": "string"},
    Unit.TIME: {"type": "string"},
    Unit.BYTES: _BYTES,
    Unit.COUNT: {"type": ["integer", "null"], "minimum": 0},
    Unit.CHANGE: {"type": ["integer", "null"]},
    Unit.SECONDS: {"type": ["number", "null"], "minimum": 0},
    Unit.EPOCH: {"type": ["number", "null"]},
}
_TEXT: Final[Schema] = {"type": "string"}
_TEXT_OR_NONE: Final[Schema] = {"type": ["string", "null"]}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_NOT_IN_RANKINGS: Final = frozenset({"arguments"})


def schema() -> Schema:
    """The schema, of draft 2020-12; the rows of NDJSON and JSON exports are under $defs, by table."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:mapsweep:report:{SCHEMA_VERSION}",
        "title": "report.json of mapsweep",
        "description": "The summary of a run. Sizes are integers in bytes; null means unknown, never 0. "
        "All rows of a table: mapsweep report RUN --format ndjson --table TABLE; a row is as in $defs.",
        **_object(
            {
                "schema_version": {"const": SCHEMA_VERSION},
                "verdict": {"enum": [word.value for word in Word], "description": "Whether it is complete"},
                "summary": _summary(),
                "run": _run(),
                "totals": _totals(),
                "changes": _changes(),
                "failures": _list(_failure(), GROUPS_MAX, "Hosts that failed or are partial, by reason"),
                "findings": _list(_finding(), GROUPS_MAX, "Findings by fingerprint, what matters most first"),
                "top": _object({table: _rankings(table, names) for table, names in MEASURES.items()}),
                "left_out": {"type": "array", "items": _left_out()},
            }
        ),
        "$defs": {table: _row(columns) for table, columns in TABLES.items()},
    }


def page() -> str:
    """The schema as it is published."""
    return json.dumps(schema(), indent=1, ensure_ascii=True) + "\n"


def _object(properties: Schema, optional: Iterable[str] = ()) -> Schema:
    """An object with these keys and no other."""
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in set(optional)],
        "additionalProperties": False,
    }


def _list(row: Schema, rows_max: int, what: str) -> Schema:
    """The first rows, and how many there are."""
    rows = {"type": "array", "items": row, "maxItems": rows_max}
    return {"description": what, **_object({"of": _COUNT, "rows": rows})}


def _row(columns: tuple[Column, ...]) -> Schema:
    """A row with its declared columns; a ranking leaves out some that are long."""
    return _object({column.name: _value(column) for column in columns}, _NOT_IN_RANKINGS)


def _value(column: Column) -> Schema:
    said = f"{column.meaning} ({column.unit.value}; from {column.source})"
    return {**_TYPES[column.unit], "title": column.title, "description": said}


def _rankings(table: str, measures: Iterable[str]) -> Schema:
    row = {"$ref": f"#/$defs/{table}"}
    return _object(
        {name: _list(row, ROWS_MAX, f"The most by {name}, the largest first") for name in measures}
    )


def _run() -> Schema:
    texts = ("run_id", "scope", "hosts", "evidence", "started_at", "tool_version", "rules_version", "command")
    counts = ("asked", "ok", "partial", "failed", "past_runs")
    unknown = ("due_at", "closed_at", "compared_with", "compared_at", "redacted")
    asker = {"oneOf": [_asker(), {"type": "null"}], "description": "Who asked for the run, and from where"}
    of_planner = "of the machine that planned the run; null: workers go by their own settings, or not known"
    return _object(
        {
            **dict.fromkeys(texts, _TEXT),
            **dict.fromkeys(counts, _COUNT),
            **dict.fromkeys(unknown, _TEXT_OR_NONE),
            "become": {"type": "boolean"},
            "asker": asker,
            "become_hosts": {
                "type": ["integer", "null"],
                "minimum": 0,
                "description": "Hosts whose probe runs through sudo",
            },
            "host_key_policy": {**_TEXT_OR_NONE, "description": f"ssh.host_key_policy {of_planner}"},
            "arguments": {**_TEXT_OR_NONE, "description": f"What is kept of command lines, {of_planner}"},
        }
    )


def _asker() -> Schema:
    """The fields of `domain.records.Asker`."""
    uid = {"type": ["integer", "null"], "minimum": 0}
    of_login = "that logged in, whatever sudo and su did since (loginuid of the kernel)"
    claimed = "as the environment claims (SUDO_USER, SUDO_UID)"
    return _object(
        {
            "machine": {**_TEXT, "description": "Host name of the machine that planned the run"},
            "uid": {**_COUNT, "description": "The account that planned it"},
            "account": {**_TEXT_OR_NONE, "description": "Its name"},
            "login_uid": {**uid, "description": f"The account {of_login}"},
            "login": {**_TEXT_OR_NONE, "description": "Its name"},
            "terminal": {**_TEXT_OR_NONE, "description": "The controlling terminal"},
            "sudo_uid": {**uid, "description": f"The account that called sudo, {claimed}"},
            "sudo": {**_TEXT_OR_NONE, "description": "Its name, likewise"},
            "client": {
                **_TEXT_OR_NONE,
                "description": "From which address, as the environment claims (SSH_CONNECTION)",
            },
            "schedule": {**_TEXT_OR_NONE, "description": "The schedule whose time had come"},
        }
    )


def _totals() -> Schema:
    sums = (*NATIVE, *RANGE, GROWTH, *STACKS, *JAVA, DOUBTFUL, *GUESSED)
    named = {column.name: _value(column) for column in sums}
    others = ("stacks", "threads", "rss_bytes", "swap_bytes", "mem_total_bytes")
    unknown = {"type": ["integer", "null"], "minimum": 0}
    kind = _object({column.name: _value(column) for column in KINDS if column.name != "host"})
    kind["properties"]["kind"] = {"enum": [each.label for each in Kind]}
    kind["properties"]["family"] = {"enum": [each.label for each in Family]}
    return _object(
        {
            **named,
            "bloat_bytes": unknown,
            **dict.fromkeys(others, unknown),
            "sent": _COUNT,
            "denied": _COUNT,
            "kinds": {"type": "array", "items": kind},
        }
    )


def _failure() -> Schema:
    texts = dict.fromkeys(("status", "stage", "reason", "detail", "remedy"), _TEXT)
    hosts = {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": HOSTS_A_FAILURE_MAX}
    return _object({**texts, "count": _COUNT, "hosts": hosts})


def _summary() -> Schema:
    sentence = {**_TEXT, "maxLength": SENTENCE_LENGTH_MAX, "description": "What changed, where and why"}
    short = {**_TEXT, "maxLength": SHORT_LENGTH_MAX, "description": "The most important of it"}
    changed = {
        "enum": [each.value for each in News],
        "description": "FIRST: there is no run to compare with; UNKNOWN: it was not compared",
    }
    regressed = {"type": "boolean", "description": "Whether some of what changed is bad news"}
    rests_on = {**_TEXT_OR_NONE, "description": "What the comparison lacks"}
    return _object(
        {
            "sentence": sentence,
            "short": short,
            "changed": changed,
            "regressed": regressed,
            "rests_on": rests_on,
        }
    )


def _changes() -> Schema:
    """What changed, with counts of all and the first rows."""
    count = _row(CHANGE_COUNTS)
    row = _row(CHANGES)
    for each in (count, row):
        each["properties"]["change"] = {"enum": [change.value for change in Change]}
        each["properties"]["subject"] = {"enum": [subject.value for subject in Subject]}
    listed = _list(row, CHANGES_MAX, "Since the run compared with, the most important first")
    counts = {"type": "array", "items": count, "maxItems": len(Change) * len(Subject)}
    known = {"type": "boolean", "description": "false: it was closed before changes were computed"}
    return {
        **_object({"is_known": known, "counts": counts, **listed["properties"]}),
        "description": listed["description"],
    }


def _finding() -> Schema:
    row = _row(GROUPS)
    row["properties"]["severity"] = {"enum": list(SEVERITIES)}
    row["properties"]["standing"] = {"enum": [standing.value for standing in Standing]}
    member = _object({"host": _TEXT, "pid": _COUNT, "comm": _TEXT, "bytes": _BYTES, "evidence": _TEXT})
    first = {"type": "array", "items": member, "description": "The largest members"}
    return _object({**row["properties"], "first": first})


def _left_out() -> Schema:
    return _object(
        {
            "table": {"enum": list(TABLES)},
            "shown": {**_COUNT, "description": "Rows of the table that are in the document"},
            "of": {
                "type": ["integer", "null"],
                "description": "Rows of the table; null if they are not counted",
            },
            "command": {**_TEXT, "description": f"The command that prints all rows. {next_commands.WHERE}"},
        }
    )


if __name__ == "__main__":
    print(page(), end="")
