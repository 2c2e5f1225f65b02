"""Every byte that can be made of a redacted report, and what of it is searched."""

import base64
import gzip
from collections.abc import Iterator, Mapping
from email import message_from_bytes, policy
from io import BytesIO

import polars as pl

from archive.run import Run
from reports.columns.columns import TABLES
from reports.formats import exports, render_json, render_text
from reports.mail import render_email
from reports.mail.delivery import MailSettings
from reports.page import folder as page_folder
from reports.page import page
from reports.redaction.names import Redaction
from reports.report import report
from tests.reports.page.decoder import of_page

SETTINGS = MailSettings("mapsweep <mapsweep@outside.test>", "127.0.0.1")


def outputs(run: Run, redaction: Redaction | None) -> Iterator[tuple[str, bytes]]:
    """Everything that can be made of a report, compressed data also as it is unpacked."""
    made = report(run, redaction)
    html = page.render(made)
    yield "page", html
    yield "page's data", repr(of_page(html)).encode()
    for name, content in page_folder.pages(made):
        yield f"pages/{name}", name.encode() + content
        yield f"data of pages/{name}", repr(of_page(content)).encode()
    yield "text", b"".join(render_text.render(made))
    yield "report.json", b"".join(render_json.render(made))
    for table in TABLES:
        for form in exports.FORMATS:
            content = b"".join(exports.rows(made.tables, table, form))
            yield f"{table}.{form}", content
            if form == exports.PARQUET:
                yield f"rows of {table}.{form}", repr(pl.read_parquet(BytesIO(content)).to_dicts()).encode()
    mail = render_email.message(made, ("vendor@outside.test",), SETTINGS)
    yield "mail", bytes(mail)
    for part in message_from_bytes(bytes(mail), policy=policy.default).walk():
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            is_packed = payload.startswith(b"\x1f\x8b")
            yield f"mail, {part.get_content_type()}", gzip.decompress(payload) if is_packed else payload


def found(outputs: Mapping[str, bytes], words: tuple[str, ...]) -> set[tuple[str, str]]:
    """Where which of these words stand, in whatever case or base64."""
    there = set()
    for name, content in outputs.items():
        low = content.lower()
        for word in words:
            packed = (base64.b64encode(b" " * skip + word.encode())[4:-4] for skip in range(3))
            if word.lower().encode() in low or any(len(text) > 8 and text in content for text in packed):
                there.add((name, word))
    return there
