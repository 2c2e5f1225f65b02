"""report.json's objects of hosts with all that is in them, made column by column."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from reports import settled
from reports.column import names_of
from reports.columns import HOSTS, PROCESSES
from reports.kinds import COLUMNS as KINDS
from reports.page_rows import graver_first
from reports.settled import Settled

HOSTS_AT_ONCE: Final = 50  # written out as text at one time; before that they are columns
_FINDING: Final = ("code", "severity", "pid", "comm", "evidence", "advice", "confirm", "not_shown")
_OTHERS: Final = {
    "processes": "others",
    "native_heap_resident_max_bytes": "others_native_heap_bytes",
    "stacks_resident_max_bytes": "others_stacks_bytes",
}


def hosts(tables: Settled) -> Iterator[bytes]:
    """A host as an object in ASCII, in the order of the ranking: its columns, kinds, findings, processes."""
    table = tables.table(settled.HOSTS).sort("place")
    lists = {
        "kinds": _lists(tables.table(settled.HOST_KINDS), ("host",), KINDS, "kinds"),
        "findings": _lists(graver_first(tables.table(settled.FINDINGS)), ("host",), _FINDING, "findings"),
        "processes": _processes(tables),
    }
    for of_host in lists.values():
        table = table.join(of_host, left_on="name", right_on="host", how="left", maintain_order="left")
    others = pl.struct(pl.col(name).alias(key) for key, name in _OTHERS.items()).alias("other_processes")
    whole = table.select(pl.struct(*names_of(HOSTS), *map(_or_none, lists), others).alias("json"))["json"]
    for start in range(0, len(whole), HOSTS_AT_ONCE):
        # gathered, not sliced: Polars 1.20 writes a slice of lists with the lists of other rows
        some = whole.gather(list(range(start, min(start + HOSTS_AT_ONCE, len(whole)))))
        yield from map(_ascii, some.struct.json_encode().cast(pl.Binary).to_list())


def _processes(tables: Settled) -> pl.DataFrame:
    """host, and in processes those that a report shows, each with its kinds."""
    process = ("host", "pid")
    kinds = _lists(tables.table(settled.PROCESS_KINDS), process, KINDS, "kinds")
    shown = pl.concat(part.filter("shown") for part in tables.parts(settled.PROCESSES))
    rows = shown.sort("host", "host_place").join(kinds, on=process, how="left", maintain_order="left")
    return _lists(
        rows.with_columns(_or_none("kinds")), ("host",), (*names_of(PROCESSES), "kinds"), "processes"
    )


def _lists(table: pl.DataFrame, keys: Sequence[str], names: Sequence[str], name: str) -> pl.DataFrame:
    """The keys, and under `name` a list of the rows that have them, in their order."""
    rows = table.select(*keys, pl.struct(names).alias(name + "_"))
    return rows.group_by(keys, maintain_order=True).agg(pl.col(name + "_").alias(name))


def _or_none(name: str) -> pl.Expr:
    """A column of lists, empty in place of null."""
    return pl.col(name).fill_null([])


def _ascii(text: bytes) -> bytes:
    """JSON with what is not ASCII written out; it stands in texts alone."""
    if text.isascii():
        return text
    return re.sub(r"[^\x00-\x7f]", _escape, text.decode()).encode("ascii")


def _escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]
