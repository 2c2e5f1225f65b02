"""The tables of a run as a report that leaves the house has them: every output reads them here.

What is redacted is redacted where a row is read. So an output can show only what is in these tables, and what
they have been stripped of is in none of them.
"""

import hmac
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import polars as pl

from archive.run import Run
from domain.records import Manifest, Stage
from domain.troubles import table as troubles
from reports.closing.host_table import ranked
from reports.findings.codes import words
from reports.redaction.fields import How, how
from reports.redaction.known import known
from reports.redaction.names import REDACTED, Redaction, each
from reports.redaction.vocabulary import Vocabulary, without_half_a_word
from reports.tables import settled
from reports.tables.settled import Settled
from reports.tables.status import FAILED

_WHOLE: Final = (  # read with all columns: what becomes of one depends on others
    *(settled.FLEET, settled.HOSTS, settled.CHANGES, settled.FINDING_GROUPS, settled.HISTORY),
)
_RANKED: Final = ("rank", "stack_rank", "place")
_PSEUDONYMS: Final = {How.HOST, How.OWNER, How.CONTAINER, How.FINGERPRINT}


class Redacted(Settled):
    """The tables of one run without what its redaction leaves out; errors as of `Settled`."""

    def __init__(self, run: Run, redaction: Redaction) -> None:
        super().__init__(run)
        self._whole = Settled(run)
        self._redaction = redaction
        self._names = Vocabulary(redaction, known(self._whole, redaction.what), run.manifest.hosts)
        self._order = _shuffled(self._whole.count(settled.HOSTS), redaction)
        self._places = self._ranked() if redaction.what.is_of_hosts else None
        self.closed = replace(self.closed, scope=self.manifest.scope.name, hosts=REDACTED, asker=None)

    @property
    def run(self) -> Run:
        """A bug: what is read past the tables is not redacted."""
        raise RuntimeError("a redacted report cannot show what is not in its tables")

    @property
    def manifest(self) -> Manifest:
        """The manifest without its hosts, people and commands, and as if no dump could be shown."""
        whole, told = self._whole.manifest, self._names.told
        scope = replace(whole.scope, name=told(whole.scope.name), hosts=REDACTED)
        return replace(
            whole,
            run_id=told(whole.run_id),
            scope=scope,
            hosts=(),
            command="",
            keep_dumps=False,
            mail_to=(),
            mail_owners=(),
            mutes=(),
            asker=None,
        )

    def names_host(self, text: str) -> bool:
        """Whether a text names a host that this report gives another name."""
        return self._names.names_host(text)

    def _part(self, name: str, part: int, wanted: Sequence[str] | None) -> pl.DataFrame:
        """A part with at least these columns; its hosts are in the order of their new names."""
        number = self._order[part] if name in settled.IN_PARTS else part
        host = ("name",) if name == settled.HOSTS else ("host",)
        also = host if name in settled.IN_PARTS else ()
        columns = None if wanted is None or name in _WHOLE else sorted({*wanted, *also})
        table = self._of_columns(name, self._whole.part(name, number, columns))
        if name == settled.HOSTS and self._places is not None:
            table = table.drop(_RANKED).join(self._places, on="name", how="left", maintain_order="left")
        if not self._redaction.what.is_of_hosts:
            return table
        if name == settled.CHANGES:
            return _without_ties(table)
        if name == settled.HISTORY:
            return table.sort("subject", "name", maintain_order=True)
        return table.sort(*also, maintain_order=True) if also else table

    def _of_columns(self, name: str, table: pl.DataFrame) -> pl.DataFrame:
        """A table with each column redacted."""
        columns = [self._column(name, table, column) for column in table.columns]
        redacted = pl.DataFrame(columns)
        if name == settled.FLEET:
            return redacted.with_columns(pl.lit(self._redaction.what.value).alias("redacted"))
        return redacted

    def _column(self, name: str, table: pl.DataFrame, column: str) -> pl.Series:
        values = table[column]
        if values.dtype.is_numeric() or values.dtype in {pl.Boolean, pl.Null}:
            return values
        if column == "first" and name == settled.FINDING_GROUPS:
            return pl.Series(column, [self._members(some) for some in values.to_list()], values.dtype)
        if column == "name" and name == settled.HISTORY:
            return self._history(table)
        if isinstance(values.dtype, pl.List) and values.dtype.inner.is_numeric():
            return values
        if values.dtype != pl.String and not isinstance(values.dtype, pl.Categorical | pl.Enum):
            return values.clear(len(values))  # nested, and nobody has said what is in it
        return self._text(name, table, column).alias(column)

    def _text(self, name: str, table: pl.DataFrame, column: str) -> pl.Series:
        values, way = table[column].cast(pl.String), how(name, column, self._redaction.what)
        if way in _PSEUDONYMS:
            return self._renamed(way, values)
        match way:
            case How.PLAIN:
                told = table[column]
            case How.TOLD:
                told = self._names.texts(values)
            case How.CUT:
                told = self._names.texts(each(values, without_half_a_word))
            case How.PROCESS:
                told = self._names.processes(values)
            case How.SERVICE:
                told = self._names.services(values)
            case How.REMEDY:
                told = _remedies(table)
            case How.TITLE:
                told = self._titles(table)
            case How.ARGUMENTS | How.OF_HOSTS | How.PATTERN:
                told = each(values, lambda text: REDACTED if text else "")
            case _:
                told = each(values, lambda _: "")
        return told

    def _members(self, rows: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
        """The first members of a finding, the largest first; equal ones in the order of their new names."""
        names = self._names
        members = [
            row | {"comm": names.process(row["comm"] or ""), "evidence": names.told(row["evidence"] or "")}
            for row in rows or ()
        ]
        if not self._redaction.what.is_of_hosts:
            return members
        renamed = [row | {"host": self._redaction.pseudonym("host", row["host"])} for row in members]
        return sorted(renamed, key=lambda row: (-(row["bytes"] or 0), row["host"], row["pid"]))

    def _history(self, table: pl.DataFrame) -> pl.Series:
        """Its names, which are those of hosts and of services."""
        names, is_host = table["name"], table["subject"] == "host"
        hosts = self._renamed(How.HOST, names) if self._redaction.what.is_of_hosts else names
        return hosts.zip_with(is_host, self._names.services(names)).alias("name")

    def _renamed(self, way: How, names: pl.Series) -> pl.Series:
        return each(names, lambda name: self._redaction.pseudonym(way.value, name))

    def _titles(self, table: pl.DataFrame) -> pl.Series:
        """Findings without the sentence that names a host and, of some services, arguments."""
        services = self._names.services(table["service"].cast(pl.String)).to_list()
        told = (
            f"{service or 'a process'}: {words(code)}"
            for service, code in zip(services, table["code"], strict=True)
        )
        return pl.Series(list(told), dtype=pl.String)

    def _ranked(self) -> pl.DataFrame:
        """name, and the places by figures alone: of equal hosts, the order says nothing of their names."""
        hosts = pl.concat(self._of_columns(settled.HOSTS, part) for part in self._whole.parts(settled.HOSTS))
        return ranked(hosts).select("name", *_RANKED)


def _remedies(table: pl.DataFrame) -> pl.Series:
    """Of hosts that failed what the table of troubles says: a failure's own remedy may name its host."""
    rows = table.select("status", "stage", "reason", "remedy").iter_rows()
    return pl.Series(
        [
            troubles.remedy(reason, Stage(stage)) if status == FAILED else remedy
            for status, stage, reason, remedy in rows
        ],
        dtype=pl.String,
    )


def _without_ties(changes: pl.DataFrame) -> pl.DataFrame:
    """Changes that are told as equally important, in the order of the new names of their hosts."""
    equal = pl.struct("change", "subject", "change_bytes").rle_id()
    ordered = changes.sort("place").with_columns(equal.alias("_equal")).sort("_equal", "host", "pid")
    return ordered.drop("_equal").with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("place"))


def _shuffled(parts: int, redaction: Redaction) -> list[int]:
    """The parts in an order that says nothing of the names of their hosts."""
    if not redaction.what.is_of_hosts:
        return list(range(parts))
    return sorted(
        range(parts), key=lambda part: hmac.digest(redaction.key, f"part\0{part}".encode(), "sha256")
    )
