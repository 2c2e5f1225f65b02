"""The functions of `sizes` and `plain` for whole columns, without one object per value."""

from typing import Final

import polars as pl

from reports import plain
from reports.rows import WIDE_PART
from reports.sizes import AT_MOST, DASH, KIB

_UNITS: Final = (" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB")
_ODD: Final = r"[^\x20-\x7e]"  # values with characters to be escaped; rare, so they are handled one by one
_ENTITIES: Final = {"&": "&amp;", ">": "&gt;", "<": "&lt;", "'": "&#39;", '"': "&#34;"}
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


def size(name: str) -> pl.Expr:
    """A column of bytes as `sizes.size` prints it."""
    return _scaled(pl.col(name)).fill_null(DASH)


def extent(name: str) -> pl.Expr:
    """`NAME_resident_max_bytes`, with the mark of a bound where `NAME_resident_bytes` is unknown."""
    most, resident = pl.col(f"{name}_resident_max_bytes"), pl.col(f"{name}_resident_bytes")
    mark = pl.when(resident.is_null() & (most > 0)).then(pl.lit(AT_MOST)).otherwise(pl.lit(""))
    return (mark + _scaled(most)).fill_null(DASH)


def span(name: str) -> pl.Expr:
    """`NAME_least_bytes` to `NAME_most_bytes` as `doubts.span` prints them."""
    least, most = pl.col(f"{name}_least_bytes"), pl.col(f"{name}_most_bytes")
    bound = pl.col(f"{name}_resident_bytes").is_null()
    first = pl.when(bound & (least > 0)).then(pl.lit(AT_MOST)).otherwise(pl.lit(""))
    second = pl.when(bound & (least == 0)).then(pl.lit(AT_MOST)).otherwise(pl.lit(""))
    text = pl.concat_str(first, _scaled(least), pl.lit(" to "), second, _scaled(most))
    wide = (most - least) * WIDE_PART > most
    return pl.when(wide).then(text).when(most.is_null()).then(pl.lit(DASH)).otherwise(pl.lit(""))


def growth(name: str) -> pl.Expr:
    """A column of changes as `sizes.growth` prints it."""
    change = pl.col(name)
    sign = pl.when(change > 0).then(pl.lit("+")).when(change < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    return (sign + _scaled(change.abs())).fill_null(DASH)


def number(name: str) -> pl.Expr:
    """A column of counts as `sizes.number` prints it."""
    return pl.col(name).map_batches(_grouped, return_dtype=pl.String).fill_null(DASH)


def duration(seconds: pl.Expr) -> pl.Expr:
    """Whole seconds as `sizes.duration` prints them."""

    def two(large: int, large_unit: str, small: int, small_unit: str) -> pl.Expr:
        rest = seconds % large // small
        return pl.format("{}" + large_unit + "{}" + small_unit, seconds // large, rest)

    return (
        pl.when(seconds < _MINUTE_S)
        .then(pl.format("{} s", seconds))
        .when(seconds < _HOUR_S)
        .then(two(_MINUTE_S, " min ", 1, " s"))
        .when(seconds < _DAY_S)
        .then(two(_HOUR_S, " h ", _MINUTE_S, " min"))
        .otherwise(two(_DAY_S, " d ", _HOUR_S, " h"))
    )


def escaped(texts: pl.Series, width: int | None = None) -> pl.Series:
    """Text made safe as by `plain.shortened`, or by `plain.printable` without a width; escaped for HTML."""
    distinct = texts.unique()  # most columns say the same over and over
    safe = _escaped(distinct, width)
    other = distinct != safe
    return texts.replace(distinct.filter(other), safe.filter(other)) if other.any() else texts


def _escaped(texts: pl.Series, width: int | None) -> pl.Series:
    odd = texts.str.contains(_ODD)
    if width is not None:
        odd |= texts.str.len_chars() > width
    if odd.any():
        shown = [
            (plain.printable(text) if width is None else plain.shortened(text, width)) if is_odd else text
            for text, is_odd in zip(texts.to_list(), odd.to_list(), strict=True)
        ]
        texts = pl.Series(texts.name, shown, dtype=pl.String)
    return texts.str.replace_many(list(_ENTITIES), list(_ENTITIES.values()))


def whole(values: pl.Expr) -> pl.Expr:
    """Rounded to whole numbers, halves to even as Python does."""
    return values.map_batches(_whole, return_dtype=pl.Int64)


def _whole(values: pl.Series) -> pl.Series:
    floor = values.floor()
    over = values - floor
    up = (over > 0.5) | ((over == 0.5) & (floor % 2 == 1))
    return floor.cast(pl.Int64) + up.cast(pl.Int64)


def _scaled(amount: pl.Expr) -> pl.Expr:
    """As `sizes.size` without a mark."""
    # a function of columns, because one expression would repeat the earlier steps several times
    return amount.map_batches(_scaled_column, return_dtype=pl.String)


def _scaled_column(amounts: pl.Series) -> pl.Series:
    """The largest unit in which the rounded value is at least 1.0."""
    value = amounts.cast(pl.Float64)
    unit = pl.Series([_UNITS[0]]).new_from_index(0, len(amounts))
    for name in _UNITS[1:]:
        over = (value >= KIB - 0.05).fill_null(value=False)
        if not over.any():
            break
        unit = pl.Series([name]).new_from_index(0, len(amounts)).zip_with(over, unit)
        value = (value / KIB).zip_with(over, value)
    tenths = _whole(value * 10)
    fine = (tenths // 10).cast(pl.String) + "." + (tenths % 10).cast(pl.String)
    many = (value >= 99.95).fill_null(value=False)
    text = _grouped(_whole(value)).zip_with(many, fine)
    plain_bytes = (value < KIB - 0.05) & (unit == _UNITS[0])
    text = amounts.cast(pl.String).zip_with(plain_bytes.fill_null(value=False), text) + unit
    return (
        pl.Series(["0"]).new_from_index(0, len(amounts)).zip_with((amounts == 0).fill_null(value=False), text)
    )


def _grouped(counts: pl.Series) -> pl.Series:
    """Numbers with commas at the thousands."""
    text = counts.cast(pl.String)
    while text.str.contains(r"^-?\d{4}").any():
        text = text.str.replace(r"^(-?\d+)(\d{3})(,|$)", "${1},${2}${3}")
    return text
