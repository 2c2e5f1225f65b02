"""Names that try to break the page, in every view of it: they are text, and nothing else."""

import csv
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from reports.page import addresses
from tests.browser import chromium
from tests.reports.hostile import NAMES
from tests.reports.page.lab import Lab, opened

pytestmark = pytest.mark.journey

# Elements and attributes that no view has, unless a name became one.
_FOREIGN = """[
  ...document.querySelectorAll("img, base, iframe, object, embed, link, form:not([method=dialog])"),
  ...[...document.querySelectorAll("*")].filter((at) =>
    at.getAttributeNames().some((name) => name.startsWith("on") || name === "src" || name === "formaction")),
  ...[...document.querySelectorAll("a[href]")].filter((at) => !/^#/.test(at.getAttribute("href"))),
].map((at) => at.outerHTML.slice(0, 100))"""
_SHOWN = f"""() => ({{
  foreign: {_FOREIGN},
  scripts: document.querySelectorAll("script").length,
  text: document.body.textContent,
}})"""
FORMULAS = ("=", "+", "-", "@", "\t", "\r")


@pytest.fixture(scope="module")
def lab(hostile_file: Path) -> Iterator[Lab]:
    with chromium() as browser, opened(browser, hostile_file) as seen:
        yield seen


def inert(lab: Lab) -> None:
    """Nothing in the view came of a name but text, and the text changes neither direction nor terminal."""
    shown = lab.page.evaluate(_SHOWN)
    assert shown["foreign"] == []
    assert shown["scripts"] == 2
    assert lab.broken() == []
    assert not set(shown["text"]) & set("\x1b\x07\x7f\x80\x9b\u202e")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_has_a_view_as_host_and_as_service(lab: Lab, name: str) -> None:
    printed = None
    for address in (addresses.host(name), addresses.service(name), addresses.process(name, 1)):
        lab.go(address)
        heading = lab.page.locator("main:not([hidden]) h1").inner_text()
        printed = printed or heading
        assert heading.strip(), address
        assert lab.page.locator("main:not([hidden]) table").count(), address
        inert(lab)


def test_no_view_runs_a_name(lab: Lab) -> None:
    for address in (
        "#/",
        "#/changes",
        "#/findings",
        "#/compare",
        "#/hosts",
        "#/services",
        "#/stacks",
        "#/processes",
        "#/kinds",
        "#/kind/heap_main",
    ):
        lab.go(address)
        inert(lab)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_the_filter_or_as_an_address_is_text(lab: Lab, name: str) -> None:
    lab.go("#/")
    lab.page.locator("input[type=search]").fill(name.replace("\n", " ").replace("\r", " "))
    lab.drawn()
    inert(lab)
    lab.page.locator("input[type=search]").fill("")
    lab.go(f"#/{name}/{name}")
    inert(lab)


def test_downloads_hold_no_formula(lab: Lab) -> None:
    lab.go("#/hosts")
    buttons = lab.page.locator("main:not([hidden]) .downloads button:visible")
    contents = {}
    for place in range(buttons.count()):
        with lab.page.expect_download() as begun:
            buttons.nth(place).click()
        contents[begun.value.suggested_filename.rsplit(".", 1)[-1]] = begun.value.path().read_text("utf-8")
    rows = list(csv.reader(StringIO(contents["csv"], newline="")))
    assert len(rows) == len(NAMES) + 2
    for cell in (cell for row in rows[1:] for cell in row if not cell.lstrip("-").isdigit()):
        assert not cell.strip(" ").startswith(FORMULAS), cell
    assert len(json.loads(contents["json"])["rows"]) == len(NAMES) + 1
