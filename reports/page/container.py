"""The page's data: tables as compressed columns in one piece of bytes, which the script in the page reads.

The bytes are base64 of gzip of

    b"MSP1", length of the header (4 bytes, little-endian), header, zero bytes up to a multiple of 8, payload

The header is JSON: {"facts": ..., "declared": ..., "tables": {TABLE: {"rows": N, "columns": {NAME: HOW}}}}.

HOW for integers is {"type": "int", "unit": U, "signed": bool, "width": W, "at": OFFSET}. In the payload stand
from OFFSET on W planes of N bytes: plane k has byte k, the lowest first, of each row's number s. If s is 0,
the value is null. Otherwise with n = s - 1 it is U * n; if signed, U * n / 2 for an even n, -U * (n + 1) / 2
for an odd one. If all rows have the same value: {"type": "int", "width": 0, "value": V or null}. With "of":
[NAME, ...] in addition, a value is the sum of what was decoded and of these columns, which stand before it:
null if null was decoded; null in one of these columns counts as 0.

HOW for texts is {"type": "text", "words": [...], "width": W, "at": OFFSET}: the planes are those of an index
into words, from 0 on. With a width of 0 all rows have the first word.

Each table is compressed by itself, so that its share of the page is known before the page is put together.
"""

import json
import struct
import zlib
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

MAGIC: Final = b"MSP1"
ALIGN: Final = 8
LEVEL: Final = 6  # of zlib
_RAW: Final = -15  # deflate without a head, the whole window
_GZIP_HEAD: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"  # no name, no time
_END: Final = b"\x03\x00"  # the last block, empty
_BEYOND: Final = 2**63 - 1

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Column: TypeAlias = dict[str, Json]
Planes: TypeAlias = tuple[Column, bytes]


@dataclass(frozen=True)
class Packed:
    """A table whose columns are encoded and compressed. Offsets count from its own start."""

    rows: int
    columns: dict[str, Column]
    payload: bytes
    deflated: bytes

    @cached_property
    def bytes(self) -> int:
        """What it takes in the page: compressed, with its part of the header, in base64."""
        head = zlib.compress(_json(self.columns), LEVEL)
        return in_base64(len(self.deflated) + len(head))

    def beside(self, other: "Packed") -> "Packed":
        """The columns of both, of the same rows."""
        if self.rows != other.rows:
            raise ValueError(f"{self.rows} rows cannot stand beside {other.rows}")
        return Packed(
            self.rows,
            {**self.columns, **_moved(other.columns, len(self.payload))},
            self.payload + other.payload,
            self.deflated + other.deflated,
        )


def in_base64(count: int) -> int:
    """How long so many bytes are in base64."""
    return (count + 2) // 3 * 4


def pack(table: pl.DataFrame, bases: Mapping[str, Sequence[str]] | None = None) -> Packed:
    """A table of integers and texts, columns in the order of the table.

    `bases` names for some columns others whose sum is mostly the same. If these stand before it, only the
    difference is kept.
    """
    columns: dict[str, Column] = {}
    payload: list[bytes] = []
    at = 0
    for series in table.iter_columns():
        base = (bases or {}).get(series.name, ())
        known = base if all(name in columns for name in base) else ()
        said, planes = _column(series, [table[name] for name in known])
        if planes:
            said["at"] = at
        columns[series.name] = said
        payload.append(planes)
        at += len(planes)
    whole = b"".join(payload)
    return Packed(table.height, columns, whole, _deflated(whole))


def put_together(facts: Json, declared: Json, tables: Mapping[str, Packed]) -> bytes:
    """The bytes that stand in the page, in base64. The same tables give the same bytes."""
    said: dict[str, Json] = {}
    start = 0
    for name, table in tables.items():
        said[name] = {"rows": table.rows, "columns": {**_moved(table.columns, start)}}
        start += len(table.payload)
    header = _json({"facts": facts, "declared": declared, "tables": said})
    head = MAGIC + struct.pack("<I", len(header)) + header
    head += b"\0" * (-len(head) % ALIGN)
    return b64encode(
        _gzip([(head, _deflated(head)), *((each.payload, each.deflated) for each in tables.values())])
    )


def _moved(columns: Mapping[str, Column], by: int) -> dict[str, Column]:
    """Columns whose payload stands so much further on."""
    moved = {}
    for name, how in columns.items():
        at = how.get("at")
        moved[name] = {**how, "at": at + by} if isinstance(at, int) else how
    return moved


def _json(value: "Json | Mapping[str, Mapping[str, Json]]") -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _deflated(content: bytes) -> bytes:
    """Compressed up to a byte's end, and without a view on what stands before: such pieces can be joined."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _RAW, 9)
    return packer.compress(content) + packer.flush(zlib.Z_FULL_FLUSH)


def _gzip(pieces: Iterable[tuple[bytes, bytes]]) -> bytes:
    """One gzip of pieces, each as it is and deflated."""
    check, length, joined = 0, 0, [_GZIP_HEAD]
    for content, deflated in pieces:
        check, length = zlib.crc32(content, check), length + len(content)
        joined.append(deflated)
    return b"".join([*joined, _END, struct.pack("<II", check, length & 0xFFFFFFFF)])


def _column(series: pl.Series, bases: Sequence[pl.Series]) -> Planes:
    """A column, and if it has bases the difference to their sum."""
    if isinstance(series.dtype, pl.String | pl.Enum):
        return _texts(series.cast(pl.String).fill_null(""))
    if not series.dtype.is_integer():
        raise TypeError(f"{series.name}: {series.dtype} is neither an integer nor text")
    if not bases:
        return _integers(series)
    said, planes = _integers(series - sum((base.fill_null(0) for base in bases[1:]), bases[0].fill_null(0)))
    return {**said, "of": [base.name for base in bases]}, planes


def _integers(series: pl.Series) -> Planes:
    if series.null_count() in {len(series), 0} and series.min() == series.max():
        return {"type": "int", "width": 0, "value": series.item(0) if len(series) else None}, b""
    known = series.is_not_null().to_numpy()
    exact = pl.UInt64 if series.dtype == pl.UInt64 else pl.Int64
    values = series.fill_null(0).cast(exact).to_numpy()
    signed = bool(values.min() < 0)
    if signed and values.min() < -_BEYOND:
        raise OverflowError(f"{series.name}: {values.min()} does not fit into 64 bits")
    bits = int(np.bitwise_or.reduce(np.abs(values)))
    unit = bits & -bits if bits else 1
    parts = values // unit
    counted = (parts << 1 ^ parts >> 63) if signed else parts
    stored = np.where(known, counted.astype(np.uint64) + np.uint64(1), np.uint64(0))
    width, planes = _planes(stored)
    return {"type": "int", "unit": unit, "signed": signed, "width": width}, planes


def _texts(series: pl.Series) -> Planes:
    words = series.unique(maintain_order=True)
    indices = series.cast(pl.Enum(words)).to_physical().to_numpy().astype(np.uint64)
    width, planes = _planes(indices)
    said: list[Json] = list(words.to_list())
    return {"type": "text", "words": said or [""], "width": width}, planes


def _planes(stored: npt.NDArray[np.uint64]) -> tuple[int, bytes]:
    """How many bytes the largest number has, and these bytes of all numbers, the lowest first."""
    width = (int(stored.max()).bit_length() + 7) // 8 if len(stored) else 0
    by_byte = stored.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :width]
    return width, np.ascontiguousarray(by_byte.T).tobytes()
