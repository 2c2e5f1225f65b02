"""The page where scripts do not run: who is largest, what is wrong, and links that lead somewhere."""

from collections.abc import Iterator

import polars as pl
import pytest

from archive.run import Run
from archive.runs import Runs
from reports.page.first_news import FINDINGS_MAX
from reports.tables.settled import Settled
from tests.browser import chromium
from tests.reports.page.conftest import written
from tests.reports.page.lab import Lab, opened
from tests.synthetic.closed_run import Fleet, closed_run

pytestmark = pytest.mark.journey

TOP = 50
# Every link of the page goes to an element that is there and that can be seen.
_NOWHERE = """() => [...document.querySelectorAll("a[href]")].filter((link) => link.checkVisibility())
  .map((link) => link.getAttribute("href"))
  .filter((href) => !href.startsWith("#") || !document.getElementById(href.slice(1))?.checkVisibility())"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return closed_run(Runs(str(tmp_path_factory.mktemp("runs"))), Fleet(120))


@pytest.fixture(scope="module")
def lab(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    file = written(run, tmp_path_factory.mktemp("page") / "page.html")
    with chromium() as browser, opened(browser, file, scripts=False) as seen:
        yield seen


def in_order(lab: Lab, table: str) -> list[str]:
    """The names in a table's rows as they can be read."""
    return lab.page.locator(f"[data-table={table}] tbody th:visible bdi").all_inner_texts()


def test_the_largest_hosts_and_services_can_be_read(run: Run, lab: Lab) -> None:
    settled = Settled(run)
    hosts = settled.table("hosts").filter(pl.col("rank").is_not_null()).sort("rank")
    assert in_order(lab, "hosts")[:TOP] == hosts["name"].to_list()[:TOP]
    by_stacks = hosts.sort("stack_rank")["name"].to_list()[:TOP]
    assert in_order(lab, "stacks") == by_stacks[: len(in_order(lab, "stacks"))]
    services = settled.table("services")["service"].to_list()
    assert in_order(lab, "services") == services[:TOP]
    assert in_order(lab, "services")


def test_what_failed_and_what_was_found_can_be_read(run: Run, lab: Lab) -> None:
    settled = Settled(run)
    missing = lab.page.locator("#missing").inner_text()
    for row in settled.table("hosts").filter(pl.col("status") == "failed").head(3).iter_rows(named=True):
        assert row["reason"] in missing
        assert row["remedy"] in missing
    findings = lab.page.locator("#findings").inner_text()
    groups = settled.table("finding_groups").filter(pl.col("severity") != "info")
    told = [group for group in groups.iter_rows(named=True) if group["title"] in findings]
    assert len(told) == min(groups.height, FINDINGS_MAX)
    for group in told:
        assert group["advice"] in findings


def test_every_link_leads_to_something_that_is_there(lab: Lab) -> None:
    assert lab.page.locator("a[href^='#/host/']:visible").count() >= TOP
    assert lab.page.evaluate(_NOWHERE) == []


def test_nothing_is_offered_that_needs_a_script(lab: Lab) -> None:
    assert lab.page.locator("button:visible, input:visible, dialog:visible").all_inner_texts() == []
    assert lab.too_wide() == []
    assert lab.messages == []
