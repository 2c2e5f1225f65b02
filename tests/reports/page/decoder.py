"""Reads the data of a page, as the script in it does, by the description in `reports.page.container`."""

import gzip
import json
import re
from base64 import b64decode
from dataclasses import dataclass
from typing import Any, TypeAlias

Value: TypeAlias = int | str | None


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a page carries."""

    facts: dict[str, Any]
    declared: dict[str, Any]
    tables: dict[str, dict[str, list[Value]]]
    rows: dict[str, int]


def of_page(page: bytes) -> Decoded:
    found = re.search(rb'<script type="application/octet-stream" id="data">([A-Za-z0-9+/=]*)</script>', page)
    assert found is not None
    return decode(found[1])


def decode(text: bytes) -> Decoded:
    content = gzip.decompress(b64decode(text, validate=True))
    assert content[:4] == b"MSP1"
    length = int.from_bytes(content[4:8], "little")
    header = json.loads(content[8 : 8 + length])
    payload = content[(8 + length + 7) // 8 * 8 :]
    tables: dict[str, dict[str, list[Value]]] = {}
    for name, table in header["tables"].items():
        columns: dict[str, list[Value]] = {}
        for column, how in table["columns"].items():
            columns[column] = _column(how, table["rows"], payload, columns)
        tables[name] = columns
    rows = {name: table["rows"] for name, table in header["tables"].items()}
    return Decoded(header["facts"], header["declared"], tables, rows)


def _column(how: dict[str, Any], rows: int, payload: bytes, before: dict[str, list[Value]]) -> list[Value]:
    stored = _stored(how, rows, payload)
    if how["type"] == "text":
        return [how["words"][index] for index in stored]
    values = [how["value"]] * rows if how["width"] == 0 else [_integer(how, each) for each in stored]
    for name in how.get("of", ()):
        values = [_sum(value, base) for value, base in zip(values, before[name], strict=True)]
    return list(values)


def _stored(how: dict[str, Any], rows: int, payload: bytes) -> list[int]:
    at, width = how.get("at", 0), how["width"]
    planes = [payload[at + plane * rows : at + (plane + 1) * rows] for plane in range(width)]
    return [sum(planes[plane][row] << 8 * plane for plane in range(width)) for row in range(rows)]


def _integer(how: dict[str, Any], stored: int) -> int | None:
    if stored == 0:
        return None
    number, unit = stored - 1, int(how["unit"])
    if not how["signed"]:
        return unit * number
    return unit * (-(number + 1) // 2 if number % 2 else number // 2)


def _sum(value: Value, base: Value) -> Value:
    if not isinstance(value, int):
        return None
    return value + base if isinstance(base, int) else value
