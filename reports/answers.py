"""What the hosts of a run answered: the one place where reports open the tables of a run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from archive import tables
from archive.records import HostRecord
from archive.runs import SUMMARIES, Outcome, Run

PROCESS_SCHEMA: dict[str, type[pl.DataType]] = {"host": pl.String, **tables.PROCESS_SCHEMA}
FOOTPRINT_SCHEMA: dict[str, type[pl.DataType]] = {"host": pl.String, **tables.FOOTPRINT_SCHEMA}


@dataclass(frozen=True, slots=True)
class Answer:
    """What one host answered: its record and its two tables, as the archive keeps them."""

    record: HostRecord
    processes: pl.DataFrame
    footprints: pl.DataFrame


def answers(run: Run, outcomes: tuple[Outcome, ...]) -> Iterator[Answer]:
    """The hosts that answered, by name, one at a time: a fleet's footprints do not fit in memory together."""
    for record in sorted((one.record for one in outcomes if one.record), key=lambda record: record.host):
        yield Answer(record, processes(run, record.host), footprints(run, record.host))


def processes(run: Run, host: str) -> pl.DataFrame:
    """A row a process of a host, the host's name in front. Text that is not known is empty."""
    content = run.read_processes(host)
    return _conform(tables.from_parquet(content, f"{run.url}: processes of {host}"), host, PROCESS_SCHEMA)


def footprints(run: Run, host: str) -> pl.DataFrame:
    """A row a process, kind and block size of a host, the host's name in front."""
    content = run.read_footprints(host)
    return _conform(tables.from_parquet(content, f"{run.url}: footprints of {host}"), host, FOOTPRINT_SCHEMA)


def summary(run: Run, name: str) -> pl.DataFrame:
    """One of the SUMMARIES of a closed run."""
    if name not in SUMMARIES:
        raise ValueError(name)
    return tables.from_parquet(run.read_summary(name), f"{run.url}: {name}.parquet")


def _conform(table: pl.DataFrame, host: str, schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    """The columns of a schema in its order and types, whatever narrower types the file has."""
    named = table.with_columns(pl.lit(host).alias("host"))
    return named.select(
        pl.col(name).cast(kind).fill_null("") if kind is pl.String else pl.col(name).cast(kind)
        for name, kind in schema.items()
    )
