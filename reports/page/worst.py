"""The mappings of a few processes, those that need a look first, from the dumps that the run kept."""

from dataclasses import dataclass
from typing import Final

import polars as pl

from archive.dump_keys import LockedError, OtherKeysError
from domain.mistakes import OperatorError
from reports.page import fields
from reports.tables.settled import Settled
from reports.views.mappings import labelled_of

PROCESSES_MAX: Final = 30
HOSTS_MAX: Final = 15
ROWS_A_PROCESS_MAX: Final = 400

_COLUMNS: Final = [
    pl.col("end").alias("end_") if name == "end_" else pl.col(name) for name in fields.MAPPINGS
]


@dataclass(frozen=True, slots=True)
class Worst:
    """Rows by process and address, and what could not be read."""

    rows: pl.DataFrame  # host, pid and fields.MAPPINGS
    troubles: tuple[str, ...]
    locked: str = ""  # a sentence, if dumps are encrypted and cannot be read here

    def of(self, processes: pl.DataFrame) -> pl.DataFrame:
        """The rows of these processes, with `_process`, the row of the process, by which they are sorted."""
        asked = (
            processes.select("host", "pid").with_row_index("_process").unique(["host", "pid"], keep="first")
        )
        found = self.rows.join(asked, on=["host", "pid"], maintain_order="left")
        return found.select("_process", *fields.MAPPINGS).sort("_process", maintain_order=True)


def worst(tables: Settled, processes: pl.DataFrame) -> Worst:
    """Of the processes with the least `_weight`, at most PROCESSES_MAX on HOSTS_MAX hosts."""
    nothing = pl.DataFrame(schema={"host": pl.String, "pid": pl.Int64, **fields.MAPPINGS})
    if not tables.manifest.keep_dumps:
        return Worst(nothing, ())
    readable = processes.filter(pl.col("evidence") != "denied").sort("_weight")
    hosts = readable["host"].unique(maintain_order=True).head(HOSTS_MAX).to_list()
    chosen = readable.filter(pl.col("host").is_in(hosts)).head(PROCESSES_MAX)
    found, troubles, locked = [nothing], [], ""
    for (host,), some in chosen.group_by("host", maintain_order=True):
        keys = list(some.select("pid", "start_ticks").iter_rows())
        try:
            known = labelled_of(tables.run, str(host), keys, rows_max=ROWS_A_PROCESS_MAX)
        except LockedError as error:
            locked = f"Mappings are left out: {error.strerror}."
            if isinstance(error, OtherKeysError):
                continue
            break  # the next are as this one
        except OperatorError as error:
            troubles.append(str(error))
            continue
        if known is not None:
            found.append(known.rows.select(pl.lit(str(host)).alias("host"), "pid", *_COLUMNS))
    return Worst(pl.concat(found), tuple(troubles), locked)
