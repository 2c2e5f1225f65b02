"""The outputs of a report as tests read them."""

import csv
import io
import json
from typing import Any

from reports.formats import exports, render_json, render_text
from reports.report import Report
from tests import tables


def document_of(report: Report) -> dict[str, Any]:
    """report.json."""
    document: dict[str, Any] = json.loads(b"".join(render_json.render(report)))
    return document


def rows_of(report: Report, table: str) -> list[dict[str, Any]]:
    """All rows of a table, as NDJSON has them."""
    return tables.read(report.tables, table)


def csv_of(report: Report, table: str = "hosts") -> bytes:
    return b"".join(exports.rows(report.tables, table, exports.CSV))


def csv_rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def text_of(report: Report) -> str:
    return b"".join(render_text.render(report)).decode()
