"""Addresses that nobody wrote, and readers who are faster than the page: it stays whole."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.browser import chromium
from tests.reports.page.lab import Lab, opened, until, views

pytestmark = pytest.mark.journey

NOWHERE = (
    *("#/host", "#/host/", "#/host//", "#/host/%", "#/host/%zz/1", "#/host/nosuch", "#/host/app-04/1352/7"),
    *(
        "#/kind/nosuch",
        "#/kind/__proto__",
        "#/kind/constructor",
        "#/constructor",
        "#/__proto__",
        "#/toString",
    ),
    *("#/services/x", "#/service/", "#/service/" + "x" * 5000, "#/host/\u202e", "#/host/%00", "#/process/1"),
)
SOMEWHERE = (
    *("#", "#/", "#//", "#nosuch", "#words", "#/hosts?sort=-nosuch", "#/hosts?sort=__proto__"),
    *("#/hosts?at=-5", "#/hosts?at=1e99", "#/hosts?at=NaN", "#/hosts?find=%", "#/hosts?find=%22"),
    *("#/hosts?find=native%3E", "#/hosts?find=native%3E99999999999T", "#/hosts?find=kind:nosuch"),
    *("#/hosts?find=" + "a%20" * 3000, "#/hosts?=", "#/hosts?&&&", "#/?find=%E2%80%AE", "#/hosts?sort="),
)
STEPS = 60
WORDS = ("", "a", "java", "nosuch", "native>1M", "(", "\\\\", "kind:heap_main", '"')
WIDTHS = (320, 390, 800, 1280, 2000)
_TYPE = """(text) => {
  const box = document.querySelector("input[type=search]");
  box.value = text;
  box.dispatchEvent(new Event("input"));
}"""
_ROLL = """(share) => {
  for (const box of document.querySelectorAll("main:not([hidden]) [role=region]")) {
    box.scrollTop = share * box.scrollHeight;
  }
}"""
_SORT = "(at) => [...document.querySelectorAll('main:not([hidden]) th button')].at(at)?.click()"
# The address is written a moment after the last change. A timer of the page that is set later, and for
# longer, comes after that one, however slow the machine is.
_SETTLED = "() => new Promise((done) => setTimeout(done, 1500))"
_ROWS = "() => [...document.querySelectorAll('main:not([hidden]) tbody tr')].map((row) => row.textContent)"


@pytest.fixture(scope="module")
def lab(demo_file: Path) -> Iterator[Lab]:
    with chromium() as browser, opened(browser, demo_file) as seen:
        yield seen


def test_an_address_of_nothing_says_so_and_leads_to_the_fleet(lab: Lab) -> None:
    for address in NOWHERE:
        lab.go(address)
        shown = lab.page.locator("main#view")
        assert "This page has no" in shown.inner_text(), address
        assert shown.locator("a[href='#/']").first.is_visible(), address
        assert lab.too_wide() == [], address
    assert lab.broken() == []


def test_odd_addresses_of_views_show_the_view(lab: Lab) -> None:
    for address in SOMEWHERE:
        lab.go(address)
        assert lab.page.locator("main:not([hidden]) table").first.is_visible(), address
    assert lab.broken() == []


def test_a_page_that_is_opened_at_any_address_shows_it(lab: Lab, demo_file: Path) -> None:
    browser = lab.page.context.browser
    assert browser is not None
    for address in ("#/host/%zz/1", "#/kind/__proto__", "#/hosts?at=1e99", "#nosuch"):
        with opened(browser, demo_file, address=address) as seen:
            assert seen.broken() == []
            assert seen.page.locator("main:not([hidden]) a:visible").count(), address


def test_storms_of_steps_leave_a_page_that_a_reload_shows_again(lab: Lab) -> None:
    chance, page, all_views = Random(3), lab.page, list(views(lab).values())
    for _ in range(STEPS):
        step = chance.choice(("go", "back", "forward", "sort", "type", "roll", "resize"))
        if step == "go":
            page.evaluate("(hash) => { location.hash = hash; }", chance.choice(all_views))
        elif step in {"back", "forward"}:
            page.evaluate(f"() => history.{step}()")
        elif step == "sort":
            page.evaluate(_SORT, chance.randrange(12))
        elif step == "type":
            page.evaluate(_TYPE, chance.choice(WORDS))
        elif step == "roll":
            page.evaluate(_ROLL, chance.random())
        else:
            page.set_viewport_size(
                {"width": chance.choice(WIDTHS), "height": chance.choice((200, 600, 1200))}
            )
        if chance.random() < 0.3:
            page.wait_for_timeout(chance.choice((20, 350)))
    page.evaluate(_ROLL, 0)
    lab.drawn()
    page.evaluate(_SETTLED)
    assert page.locator("main:not([hidden])").count() == 1
    before = page.evaluate(_ROWS)
    page.reload()
    until(lambda: bool(page.evaluate("() => document.querySelector('input[type=search]')")), page, "ready")
    lab.drawn()
    assert page.evaluate(_ROWS) == before
    assert lab.broken() == []
