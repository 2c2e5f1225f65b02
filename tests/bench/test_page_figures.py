"""The figures of the page: each is measured, and its bound is the one that is promised."""

from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from bench import page as bench
from reports import report as reporting
from reports.page import page
from tests.browser import CHROMIUM
from tests.reports.fleet import peers, run_of, runs_in

pytestmark = pytest.mark.journey

MEASURED = ("fcp", "ready", "sort", "key", "open", "renderer")


def test_each_page_is_opened_sorted_filtered_and_followed(tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    file = tmp_path / "index.html"
    file.write_bytes(page.render(reporting.report(run_of(runs_in(tmp_path / "runs"), *peers((1, 2, 3))))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        seen = bench.rounds(browser, {"demo": file, "5000": file}, count=1)
        browser.close()
    assert {name: set(whats) for name, whats in seen.items()} == {name: set(MEASURED) for name in seen}
    assert all(value > 0 for whats in seen.values() for values in whats.values() for value in values)


def test_bounds_follow_the_page_of_the_demo() -> None:
    seen: bench.Seen = {
        name: {what: [value] for what in MEASURED}
        for name, value in (("demo", 50.0), ("500", 60.0), ("5000", 90.0))
    }
    bounds = {figure.name: figure.at_most for figure in bench.compared(seen) if figure.at_most is not None}
    assert bounds == {
        "page_5000_sort_ms": 200.0,
        "page_5000_key_ms": 200.0,
        "page_fcp_ratio": 2.0,
        "page_ready_ratio": 5.0,
    }
