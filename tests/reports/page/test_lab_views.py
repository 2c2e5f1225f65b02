"""Every view in a real browser: it asks for nothing, breaks no policy, and can be used by all."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser

from tests.browser import chromium
from tests.reports.page.lab import Lab, Scheme, opened, views

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.journey

WIDE, NARROW = 1280, 390


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
    lab.page.locator("main:visible th button:visible").first.press("Enter")
    lab.drawn()
    yield "sorted"
    lab.page.keyboard.press("?")
    lab.drawn()
    assert lab.page.locator("dialog[open]").is_visible()
    yield "help"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["demo_file", "page_500", "page_5000", "hostile_file"])
def test_every_view_keeps_to_itself_and_can_be_used_by_all(
    browser: Browser, request: pytest.FixtureRequest, which: str, scheme: Scheme
) -> None:
    file: Path = request.getfixturevalue(which)
    wrong: list[str] = []
    with opened(browser, file, width=WIDE, scheme=scheme) as lab:
        for view in each_view(lab):
            for width in (NARROW, WIDE):
                lab.page.set_viewport_size({"width": width, "height": 900})
                lab.drawn()
                wrong += [f"{view} at {width}: {said}" for said in (*lab.too_wide(), *lab.unusable())]
        assert (wrong, lab.broken()) == ([], [])
