"""The folder with a page per host in a real browser: pages lead to each other, each keeps to itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from reports import report as reporting
from reports.page import folder
from tests.browser import chromium
from tests.reports.fleet import MIB, Answered, Process, finding, heap, run_of, runs_in, stacks
from tests.reports.page.lab import Lab, opened, until

pytestmark = pytest.mark.journey

MANY = 60  # processes of a host, more than a static table has


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    large = tuple(Process(pid, blocks=(heap(pid * MIB), stacks(2, MIB))) for pid in range(1, MANY + 1))
    odd = Answered("web/1 #?%2F", large, findings=(finding(1),))
    run = run_of(runs_in(tmp_path_factory.mktemp("runs")), odd, Answered("web2", (Process(7),)))
    place = tmp_path_factory.mktemp("pages")
    for name, content in folder.pages(reporting.report(run)):
        file = place / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
    return place


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def heading(lab: Lab, text: str) -> None:
    """Wait until this is the heading of what is shown."""
    shown = lab.page.locator("h1:visible", has_text=text)
    until(lambda: shown.count() == 1, lab.page, f"the heading {text}")


@pytest.mark.parametrize("scripts", [True, False])
def test_from_the_index_to_a_host_and_back(browser: Browser, pages: Path, scripts: bool) -> None:
    with opened(browser, pages / "index.html", scripts=scripts) as lab:
        for name in ("web/1 #?%2F", "web2"):
            lab.page.locator("[id=hosts] tbody a, #hosts-table a", has_text=name).first.click()
            heading(lab, name)
            assert "/hosts/" in lab.page.url
            lab.page.go_back()
            heading(lab, "prod")
            assert lab.page.url.split("#")[0].endswith("/index.html")


def test_the_page_of_a_host_has_all_of_its_processes_and_leads_back(browser: Browser, pages: Path) -> None:
    (file,) = pages.glob("hosts/web%2F1*")
    with opened(browser, file, width=390) as lab:
        heading(lab, "web/1")
        assert f"{MANY}" in lab.page.locator(".headline:visible").inner_text()
        grid = lab.page.locator("main:visible table[aria-rowcount]").first
        assert int(grid.get_attribute("aria-rowcount") or 0) >= MANY
        assert lab.too_wide() == []
        assert lab.broken() == []
        assert lab.unusable(rows=4) == []
        lab.page.locator("nav a", has_text="Fleet").click()
        heading(lab, "prod")
        assert lab.page.url.split("#")[0].endswith("/index.html")
