"""The names in a run that its redacted reports tell by others: of hosts, containers and scripts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from reports.redaction.names import Redact
from reports.tables import settled
from reports.tables.settled import Settled

COMM_BYTES: Final = 15  # the kernel cuts the name of a process there
_FIRST_WORD: Final = r"^\S+"


@dataclass(frozen=True, slots=True)
class Known:
    """Names as they are in the tables; what is not left out is not looked for."""

    hosts: frozenset[str] = frozenset()
    containers: frozenset[str] = frozenset()
    scripts: frozenset[str] = frozenset()  # processes that are named after what their arguments start


def known(tables: Settled, what: Redact) -> Known:
    """The names in the tables of a run."""
    return Known(
        frozenset(_hosts(tables)) if what.is_of_hosts else frozenset(),
        frozenset(_containers(tables)) if what.is_of_hosts else frozenset(),
        _scripts(tables) if what.is_of_arguments else frozenset(),
    )


def _hosts(tables: Settled) -> Iterator[str]:
    """The names of the hosts of a run, and of those of earlier runs of which it tells something."""
    yield from tables.table(settled.HOSTS, ("name",))["name"]
    for name in (settled.CHANGES, settled.FINDING_HOLDERS, settled.FINDING_GROWING):
        yield from tables.table(name, ("host",))["host"].drop_nulls()
    history = tables.table(settled.HISTORY, ("subject", "name"))
    yield from history.filter(pl.col("subject") == "host")["name"]
    for members in tables.table(settled.FINDING_GROUPS, ("first",))["first"].to_list():
        yield from (member["host"] for member in members or ())


def _containers(tables: Settled) -> Iterator[str]:
    """The containers of the run's processes."""
    for part in tables.parts(settled.PROCESSES, ("container",)):
        yield from part["container"].drop_nulls().unique()


def _scripts(tables: Settled) -> frozenset[str]:
    """Names of processes that stand in their arguments and are no program's: `#!` takes the script's."""
    scripts, programs = set[str](), set[str]()
    program = pl.col("exe").str.extract(r"([^/]*)$").str.slice(0, COMM_BYTES)
    started = pl.col("arguments").str.replace(_FIRST_WORD, "")
    stands = started.str.contains(pl.col("comm"), literal=True) | pl.col("comm").str.contains(r"\s")
    for part in tables.parts(settled.PROCESSES, ("comm", "exe", "arguments")):
        some = part.with_columns(program.alias("program")).filter(pl.col("comm") != "")
        programs |= set(some["program"].drop_nulls().unique())
        maybe = some.filter((pl.col("comm") != pl.col("program").fill_null("")) & stands)
        rows = maybe.select("comm", "arguments").unique().drop_nulls().iter_rows()
        scripts |= {comm for comm, arguments in rows if _is_argument(comm, arguments)}
    return frozenset(scripts - programs)


def _is_argument(comm: str, arguments: str) -> bool:
    """Whether the name of a process is a word of its arguments, or several words of its command line."""
    end = "" if len(comm.encode()) >= COMM_BYTES else r"(?=\s|$)"
    begin = r"(?:^|[\s/])" if re.search(r"\s", comm) else r"\s(?:\S*/)?"
    return re.search(f"{begin}{re.escape(comm)}{end}", arguments) is not None
