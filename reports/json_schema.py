"""The JSON Schema of report.json and of the rows that `mapsweep report` writes, made from the declarations.

`python -m reports.json_schema > docs/report.schema.json` writes the published copy.
"""

import json
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from procmaps.kinds import Family, Kind
from reports.advice import MEMBERS_A_GROUP_MAX
from reports.column import Column, Unit
from reports.columns import KINDS, TABLES
from reports.render_json import GROUPS_MAX, SCHEMA_VERSION
from reports.report import HOSTS_A_FAILURE_MAX
from reports.severities import SEVERITIES
from reports.shared_columns import DOUBTFUL, GROWTH, GUESSED, JAVA, NATIVE, RANGE, STACKS
from reports.top import MEASURES, ROWS_MAX
from reports.verdict import Word

Schema: TypeAlias = dict[str, Any]

_TYPES: Final[dict[Unit, Schema]] = {
    Unit.TEXT: {"type": "string"},
    Unit.TIME: {"type": "string"},
    Unit.BYTES: {"type": ["integer", "null"], "minimum": 0},
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
                "run": _run(),
                "verdict": {"enum": [word.value for word in Word]},
                "totals": _totals(),
                "failures": _list(_failure(), GROUPS_MAX, "Hosts that failed or are partial, by reason"),
                "findings": _list(_finding(), GROUPS_MAX, "Findings above the severity info, by advice"),
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
    unknown = ("due_at", "closed_at", "compared_with", "compared_at")
    return _object(
        {
            **dict.fromkeys(texts, _TEXT),
            **dict.fromkeys(counts, _COUNT),
            **dict.fromkeys(unknown, _TEXT_OR_NONE),
            "become": {"type": "boolean"},
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


def _finding() -> Schema:
    member = _object({"host": _TEXT, "pid": _COUNT, "comm": _TEXT, "evidence": _TEXT})
    return _object(
        {
            "severity": {"enum": list(SEVERITIES[:-1])},
            **dict.fromkeys(("code", "advice", "confirm", "not_shown"), _TEXT),
            "count": _COUNT,
            "members": {
                "type": "array",
                "items": member,
                "minItems": 1,
                "maxItems": MEMBERS_A_GROUP_MAX,
            },
        }
    )


def _left_out() -> Schema:
    return _object(
        {
            "table": {"enum": list(TABLES)},
            "shown": {**_COUNT, "description": "Rows of the table that are in a ranking"},
            "of": {
                "type": ["integer", "null"],
                "description": "Rows of the table; null if they are not counted",
            },
            "command": {**_TEXT, "description": "The command that prints all rows"},
        }
    )


if __name__ == "__main__":
    print(page(), end="")
