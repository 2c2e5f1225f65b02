"""Every view in a real browser: it asks for nothing, breaks no policy, and can be used by all."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser

from tests.browser import chromium
from tests.reports.page.lab import ROWS, Lab, Scheme, opened, views

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.journey

WIDE, NARROW = 1280, 390
WITH_NEWS = ("hostile_file", "page_500")  # pages that have changes and the last runs
FEW_ROWS = 3  # that axe-core looks at, of each table
# Tables of the fleet, each in a view, that no page has otherwise than the demo: axe-core looks at them there.
LISTS = ("findings", "hosts", "stacks", "services", "processes", "kinds")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def each_view(lab: Lab) -> Iterator[str]:
    """Bring every view on the screen, one after the other, and say which it is."""
    for name, address in views(lab).items():
        lab.go(address)
        yield name
    lab.go("#/")
    lab.page.keyboard.press("/")
    lab.page.keyboard.type("a")
    lab.drawn()
    yield "filtered"
    lab.page.keyboard.press("Escape")
    lab.page.get_by_role("button", name="Keys and filter").press("Enter")
    lab.drawn()
    assert lab.page.locator("dialog[open]").is_visible()
    yield "help"


@pytest.mark.parametrize(
    ("which", "shown", "rows"),
    [
        ("demo_file", ((WIDE, "light"), (NARROW, "dark")), ROWS),
        ("hostile_file", ((WIDE, "dark"),), FEW_ROWS),
        ("page_500", ((NARROW, "light"),), FEW_ROWS),
        ("page_5000", ((WIDE, "dark"),), FEW_ROWS),
    ],
)
def test_every_view_keeps_to_itself_and_can_be_used_by_all(
    browser: Browser,
    request: pytest.FixtureRequest,
    which: str,
    shown: tuple[tuple[int, Scheme], ...],
    rows: int,
) -> None:
    file: Path = request.getfixturevalue(which)
    wrong: list[str] = []
    seen = set()
    with opened(browser, file, width=WIDE) as lab:
        for view in each_view(lab):
            seen.add(view)
            for width in (WIDE, NARROW):
                lab.page.set_viewport_size({"width": width, "height": 700})
                lab.drawn()
                wrong += [f"{view} at {width}: {said}" for said in lab.too_wide()]
            for width, scheme in () if view in LISTS and rows == FEW_ROWS else shown:
                lab.page.emulate_media(color_scheme=scheme)
                lab.page.set_viewport_size({"width": width, "height": 700})
                lab.drawn()
                wrong += [f"{view} at {width}, {scheme}: {said}" for said in lab.unusable(rows)]
        assert (wrong, lab.broken()) == ([], [])
    with_news = {"changes", "findings", "finding", "compare"} if which in WITH_NEWS else set()
    assert seen >= {"fleet", "host", "service", "process", "kind", *with_news}
