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
# What axe-core looks at beside all views of the demo, which are made by the same code: what the demo does
# not have, and what other names or numbers change the most.
OF_NAMES = frozenset(("fleet", "service", "kind", "host", "finding", "process", "filtered", "help"))
OF_NEWS = frozenset(("fleet", "host", "changes", "finding", "compare"))
OF_MANY = frozenset(("fleet", "host"))


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
    ("which", "shown", "looked_at"),
    [
        ("demo_file", ((WIDE, "light"), (NARROW, "dark")), None),
        ("hostile_file", ((WIDE, "dark"),), OF_NAMES),
        ("page_500", ((NARROW, "light"),), OF_NEWS),
        ("page_5000", ((WIDE, "dark"),), OF_MANY),
    ],
)
def test_every_view_keeps_to_itself_and_can_be_used_by_all(
    browser: Browser,
    request: pytest.FixtureRequest,
    which: str,
    shown: tuple[tuple[int, Scheme], ...],
    looked_at: frozenset[str] | None,
) -> None:
    file: Path = request.getfixturevalue(which)
    rows = FEW_ROWS if looked_at else ROWS
    wrong: list[str] = []
    seen = set()
    with opened(browser, file, width=WIDE) as lab:
        for view in each_view(lab):
            seen.add(view)
            for width in (WIDE, NARROW):
                lab.page.set_viewport_size({"width": width, "height": 700})
                lab.drawn()
                wrong += [f"{view} at {width}: {said}" for said in lab.too_wide()]
            for width, scheme in shown if looked_at is None or view in looked_at else ():
                lab.page.emulate_media(color_scheme=scheme)
                lab.page.set_viewport_size({"width": width, "height": 700})
                lab.drawn()
                wrong += [f"{view} at {width}, {scheme}: {said}" for said in lab.unusable(rows)]
        assert (wrong, lab.broken()) == ([], [])
    with_news = {"changes", "findings", "finding", "compare"} if which in WITH_NEWS else set()
    assert seen >= {"fleet", "host", "service", "process", "kind", *with_news, *(looked_at or ())}
