"""The room that is left in a page, and how many rows of a table it holds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import polars as pl

from reports.page.container import Packed, pack
from reports.page.fields import Bases

NO_BASES: Final[Bases] = {}
_STEP: Final = 0.98  # a further try aims so far below what is left
_SAMPLE_ROWS: Final = 20_000
_SURE: Final = 0.85  # texts that rows share weigh more in a sample


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
        count, free = most, max(0, int(self.left_bytes * share))
        packed, taken = _packed(made(count), bases, free)
        while not packed and count:
            count = min(count - 1, int(count * _STEP * free / taken))
            packed, taken = _packed(made(count), bases, free)
        packed = packed or pack(made(0), bases)
        self.left_bytes -= packed.bytes
        return count, packed

    def whole(self, share: float, table: pl.DataFrame, bases: Bases) -> Packed | None:
        """All rows of a table, if they take at most this share of what is left."""
        packed, _ = _packed(table, bases, max(0, int(self.left_bytes * share)))
        if packed:
            self.left_bytes -= packed.bytes
        return packed


def _packed(table: pl.DataFrame, bases: Bases, free: int) -> tuple[Packed | None, int]:
    """The table, or None if it takes more bytes than are free; and how many it takes, or at least so many."""
    least = _least_bytes(table, bases)
    if least > free:
        return None, least
    packed = pack(table, bases)
    return packed if packed.bytes <= free else None, packed.bytes


def _least_bytes(table: pl.DataFrame, bases: Bases) -> int:
    """What a large table takes at least, reckoned from some of its rows; 0 for a small one."""
    part = table.height // _SAMPLE_ROWS
    return int(pack(table.gather_every(part), bases).bytes * part * _SURE) if part > 1 else 0


def first(table: pl.DataFrame, number: str, names: tuple[str, ...]) -> Callable[[int], pl.DataFrame]:
    """These columns of the rows whose number is below a count."""
    return lambda count: below(table, number, count).select(names)


def below(table: pl.DataFrame, number: str, count: int) -> pl.DataFrame:
    """The rows whose number is below a count; if these are all, the table itself, not a copy."""
    is_below = table[number] < count
    return table if is_below.all() else table.filter(is_below)


def counted(owners: pl.Series, count: int) -> pl.Series:
    """How many rows each of `count` owners has; `owners` has the number of the owner of each row."""
    rows = pl.DataFrame({"owner": owners.cast(pl.Int64)}).group_by("owner").agg(pl.len().alias("rows"))
    numbers = pl.DataFrame({"owner": pl.int_range(count, eager=True)})
    joined = numbers.join(rows, on="owner", how="left", maintain_order="left")
    return joined["rows"].fill_null(0).cast(pl.Int64)


def most(numbers: pl.Series) -> int:
    """The largest of whole numbers, 0 if there are none."""
    return max(numbers.top_k(1).to_list(), default=0)
