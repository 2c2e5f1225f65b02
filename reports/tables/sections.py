"""The sections of some hosts' results, each as one table: columns of `archive.tables`, the host first."""

from collections.abc import Sequence
from typing import Final

import polars as pl

from archive import results, tables
from archive.results import Result
from procmaps.kinds import KIND_BY_LABEL
from reports.tables import kinds

Schema = dict[str, type[pl.DataType]]

PROCESS_SCHEMA: Final[Schema] = {"host": pl.String, **tables.PROCESS_SCHEMA}
ARGUMENT_SCHEMA: Final[Schema] = {"host": pl.String, **tables.ARGUMENT_SCHEMA}
FOOTPRINT_SCHEMA: Final[Schema] = {"host": pl.String, **tables.FOOTPRINT_SCHEMA}
FINDING_SCHEMA: Final[Schema] = {"host": pl.String, **tables.FINDING_SCHEMA}
_FAMILIES: Final = {label: kind.family.label for label, kind in KIND_BY_LABEL.items()}


def processes(answers: Sequence[Result]) -> pl.DataFrame:
    """One row per process, with its arguments."""
    arguments = _section(answers, results.ARGUMENTS, ARGUMENT_SCHEMA)["arguments"]
    return _section(answers, results.PROCESSES, PROCESS_SCHEMA).with_columns(arguments)


def footprints(answers: Sequence[Result]) -> pl.DataFrame:
    """One row per process, kind and block size, numbered by process (`reports.tables.kinds`)."""
    return kinds.numbered(_section(answers, results.FOOTPRINTS, FOOTPRINT_SCHEMA))


def findings(answers: Sequence[Result]) -> pl.DataFrame:
    """One row per finding."""
    return _section(answers, results.FINDINGS, FINDING_SCHEMA)


def with_families(footprints_: pl.DataFrame) -> pl.DataFrame:
    """Footprints as their table has them: without the number, with the family of each kind."""
    family = pl.col("kind").replace_strict(_FAMILIES, default="", return_dtype=pl.String).alias("family")
    return footprints_.select(*FOOTPRINT_SCHEMA, family)


def _section(answers: Sequence[Result], name: str, schema: Schema) -> pl.DataFrame:
    """A section of these results in one table, in their order. Unknown text is empty."""
    frames = [tables.from_ipc(one.sections[name], f"{name} of {one.record.host}") for one in answers]
    names = pl.DataFrame(
        {"host": [one.record.host for one in answers], "rows": [frame.height for frame in frames]},
        schema={"host": pl.String, "rows": pl.Int64},
    )
    hosts = names.filter(pl.col("rows") > 0).select(pl.col("host").repeat_by("rows").explode())
    empty = pl.DataFrame(schema={column: kind for column, kind in schema.items() if column != "host"})
    try:
        together = pl.concat([empty, *frames])
    except (pl.exceptions.SchemaError, pl.exceptions.ShapeError):  # of a version with other columns
        together = pl.concat([empty, *frames], how="diagonal_relaxed")
    with_hosts = pl.concat([hosts, together.select(empty.columns)], how="horizontal")
    unknown = [each.name for each in with_hosts if each.dtype == pl.String and each.has_nulls()]
    return with_hosts.with_columns(pl.col(unknown).fill_null(""))
