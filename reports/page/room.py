"""The room that is left in a page, and how many rows of a table it holds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import polars as pl

from reports.page.container import Packed, pack
from reports.page.fields import Bases

NO_BASES: Final[Bases] = {}
_STEP: Final = 0.98  # a further try aims so far below what is left


@dataclass(frozen=True, slots=True)
class Part:
    """How many of something are in the page, and how many there are."""

    shown: int
    of: int


class Room:
    """A number of bytes that tables take, one after the other."""

    def __init__(self, count: int) -> None:
        self.left_bytes = count

    def fit(
        self,
        share: float,
        most: int,
        made: Callable[[int], pl.DataFrame],
        bases: Bases = NO_BASES,
    ) -> tuple[int, Packed]:
        """The largest count up to `most` whose rows take at most this share of what is left, and these rows.

        For a count of 0 there is always room.
        """
        count, free = most, int(self.left_bytes * share)
        packed = pack(made(count), bases)
        while packed.bytes > free and count:
            count = max(0, min(count - 1, int(count * _STEP * free / packed.bytes)))
            packed = pack(made(count), bases)
        self.left_bytes -= packed.bytes
        return count, packed


def first(table: pl.DataFrame, number: str, names: tuple[str, ...]) -> Callable[[int], pl.DataFrame]:
    """These columns of the rows whose number is below a count."""
    return lambda count: table.filter(pl.col(number) < count).select(names)


def counted(owners: pl.Series, count: int) -> pl.Series:
    """How many rows each of `count` owners has; `owners` has the number of the owner of each row."""
    rows = pl.DataFrame({"owner": owners.cast(pl.Int64)}).group_by("owner").agg(pl.len().alias("rows"))
    numbers = pl.DataFrame({"owner": pl.int_range(count, eager=True)})
    joined = numbers.join(rows, on="owner", how="left", maintain_order="left")
    return joined["rows"].fill_null(0).cast(pl.Int64)


def most(numbers: pl.Series) -> int:
    """The largest of whole numbers, 0 if there are none."""
    return max(numbers.top_k(1).to_list(), default=0)
