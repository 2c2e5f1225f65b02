"""The objects of processes, kinds and findings in report.json, made by columns for all hosts at once."""

import json
import re
from typing import Final

import polars as pl

from reports import settled
from reports.column import names_of
from reports.columns import PROCESSES
from reports.kinds import COLUMNS as KINDS
from reports.page_rows import graver_first
from reports.settled import Settled

_FINDING: Final = ("code", "severity", "pid", "comm", "evidence", "advice", "confirm", "not_shown")
_NOT_PLAIN: Final = r"[^\x20-\x7e]"


def host_kinds(tables: Settled) -> dict[str, str]:
    """The kinds of each host."""
    return _lists(_objects(tables.table(settled.HOST_KINDS), KINDS, ("host",)))


def findings(tables: Settled) -> dict[str, str]:
    """The findings of each host, the most severe first."""
    return _lists(_objects(graver_first(tables.table(settled.FINDINGS)), _FINDING, ("host",)))


def processes(tables: Settled) -> dict[str, str]:
    """The processes of each host that a report shows, each with its kinds."""
    kinds = _objects(tables.table(settled.PROCESS_KINDS), KINDS, ("host", "pid"))
    kinds = kinds.group_by("host", "pid").agg(pl.col("json").str.join(",").alias("kinds"))
    shown = pl.concat(part.filter("shown") for part in tables.parts(settled.PROCESSES))
    rows = _objects(shown.sort("host", "host_place"), tuple(names_of(PROCESSES)), ("host", "pid"))
    both = rows.join(kinds, on=["host", "pid"], how="left", maintain_order="left")
    whole = pl.concat_str(
        pl.col("json").str.strip_suffix("}"),
        pl.lit(',"kinds":['),
        pl.col("kinds").fill_null(""),
        pl.lit("]}"),
    )
    return _lists(both.select("host", whole.alias("json")))


def _objects(table: pl.DataFrame, names: tuple[str, ...], keys: tuple[str, ...]) -> pl.DataFrame:
    """The keys, and the row as an object of these columns in ASCII."""
    objects = table.select(*keys, pl.struct(names).struct.json_encode().alias("json"))
    texts = objects["json"]
    if not texts.str.contains(_NOT_PLAIN).any():
        return objects
    return objects.with_columns(pl.Series("json", [_ascii(text) for text in texts.to_list()]))


def _ascii(text: str) -> str:
    """JSON with characters outside of ASCII escaped; only texts have some."""
    return text if text.isascii() and "\x7f" not in text else re.sub(r"[^\x20-\x7e]", _escape, text)


def _escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]


def _lists(objects: pl.DataFrame) -> dict[str, str]:
    joined = objects.group_by("host", maintain_order=True).agg(pl.col("json").str.join(","))
    return {str(host): f"[{text}]" for host, text in joined.iter_rows()}
