"""The page by keyboard alone: from its first byte to the mappings of a process, each download, and back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import chromium
from tests.reports.page.lab import Lab, opened, until, views

pytestmark = pytest.mark.journey

# of a download: JSON, or the first column of a table
STARTS = tuple(
    start.encode()
    for start in (
        *("{", "host", "rank", "name", "service", "pid", "kind", "start", "change"),
        *("fingerprint", "run_id"),
    )
)
TABS_MAX = 150  # a reader who needs more has left
LINKS_A_ROW_MAX = 5
# Chromium drops the eleventh download of a page within a second of the first, without a word
# (LocalFrame::ShouldThrottleDownload, kBurstDownloadLimit).
BETWEEN_DOWNLOADS_MS = 120
_FOCUSED = "(selector) => document.activeElement.matches(selector)"
_INSIDE = "(selector) => Boolean(document.activeElement.closest(selector))"
_WHERE = """() => document.activeElement.tagName + " "
  + (document.activeElement.getAttribute("aria-label") || document.activeElement.textContent).slice(0, 60)"""
# The place of the focus is seen: it is in the window, and something is drawn around it.
_HIDDEN_FOCUS = """() => {
  const at = document.activeElement, box = at.getBoundingClientRect(), style = getComputedStyle(at);
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  const inside = box.bottom > 0 && box.top < innerHeight && box.width > 0 && box.height > 0;
  if (inside && (outlined || style.boxShadow !== "none")) return "";
  return `${at.tagName} ${at.textContent.slice(0, 40)}: outlined ${outlined}, in the window ${inside}`;
}"""
# All that is asked after each Tab, at once; null where nothing has the focus.
_TABBED = f"""(selector) => document.activeElement === document.body
  ? null : {{ hidden: ({_HIDDEN_FOCUS})(), reached: ({_FOCUSED})(selector) }}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def lab(browser: Browser, demo_file: Path) -> Iterator[Lab]:
    with opened(browser, demo_file) as seen:
        yield seen
        assert seen.broken() == []


def tab_to(lab: Lab, selector: str, *, back: bool = False) -> None:
    """Press Tab until the focus is on what is wanted; each stop on the way must be seen."""
    for _ in range(TABS_MAX):
        lab.page.keyboard.press("Shift+Tab" if back else "Tab")
        stop = lab.page.evaluate(_TABBED, selector)
        assert stop is None or stop["hidden"] == ""
        if stop is not None and stop["reached"]:
            return
    raise AssertionError(f"{TABS_MAX} tabs do not reach {selector}")


def heading(lab: Lab) -> str:
    """The heading of the view in sight, which has the focus."""
    return lab.page.locator("main:not([hidden]) h1:focus").inner_text()


def test_from_the_first_tab_to_the_mappings_of_a_process_and_back(lab: Lab) -> None:
    page = lab.page
    tab_to(lab, ".skip")
    page.keyboard.press("Enter")
    # a made host: which processes of this machine have mappings in the page depends on the machine
    name, host = "app-04", "#/host/app-04"
    tab_to(lab, "#hosts tbody a[href^='#/host/']")
    for _ in range(page.locator("#hosts tbody tr").count()):  # this machine can be the larger one
        if page.evaluate(_FOCUSED, f"#hosts a[href='{host}']"):
            break
        page.keyboard.press("j")
    page.keyboard.press("Enter")
    until(lambda: heading(lab).startswith(name), page, f"the view of {name}")
    tab_to(lab, f"a[href^='{host}/']")
    page.keyboard.press("Enter")
    until(lambda: page.url.count("/host/") == 1 and "(" in heading(lab), page, "the view of a process")
    tab_to(lab, "[role=region][aria-label*='apping']")
    page.keyboard.press("u")
    until(lambda: heading(lab).startswith(name), page, "back at the host")
    page.keyboard.press("u")
    until(lambda: page.locator("main#fleet").is_visible(), page, "back at the fleet")


def test_a_process_whose_mappings_are_not_in_the_page_says_so(browser: Browser, page_500: Path) -> None:
    with opened(browser, page_500) as lab:
        lab.go(views(lab)["process"])
        said = lab.page.locator("main:not([hidden])").inner_text()
        assert "The mappings of this process are not in this page." in said
        assert lab.broken() == []


def test_back_returns_to_the_row_that_was_left(lab: Lab) -> None:
    page = lab.page
    for _ in range(4):
        page.keyboard.press("j")
    left = page.evaluate(_WHERE)
    assert page.evaluate(_INSIDE, "#hosts tbody tr")
    page.keyboard.press("k")
    assert page.evaluate(_WHERE) != left
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    until(lambda: page.locator("main#view").is_visible(), page, "the view of the host")
    page.go_back()
    until(lambda: page.locator("main#fleet").is_visible(), page, "the fleet")
    lab.drawn()
    assert page.evaluate(_WHERE) == left


def test_the_filter_is_one_key_away_and_says_what_it_found(lab: Lab) -> None:
    page = lab.page
    page.keyboard.press("/")
    assert page.evaluate(_FOCUSED, "input[type=search]")
    page.keyboard.type("postgres")
    lab.drawn()
    said = page.locator("[aria-live=polite], [role=status]").all_inner_texts()
    assert any(" hosts" in text and " services" in text and " processes" in text for text in said)
    page.keyboard.press("Escape")
    lab.drawn()
    assert page.locator("input[type=search]").input_value() == ""


def test_help_opens_and_closes_and_gives_the_focus_back(lab: Lab) -> None:
    page = lab.page
    tab_to(lab, "#hosts a[href^='#/host/']")
    before = page.evaluate(_WHERE)
    page.keyboard.press("?")
    assert page.evaluate(_INSIDE, "dialog[open]")
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    assert page.evaluate(_WHERE) == before


def test_keys_type_into_the_filter_and_do_nothing_else_there(lab: Lab) -> None:
    page = lab.page
    page.keyboard.press("/")
    page.keyboard.type("jku?/")
    assert page.locator("input[type=search]").input_value() == "jku?/"
    assert page.locator("dialog[open]").count() == 0
    assert page.locator("main#fleet").is_visible()


def test_heads_sort_by_key_and_keep_the_focus(lab: Lab) -> None:
    page = lab.page
    for address in (views(lab)["host"], "#/"):
        lab.go(address)
        tab_to(lab, "main:not([hidden]) th button")
        before = page.evaluate(_WHERE)
        sorts = []
        for _ in range(3):
            page.keyboard.press("Enter")
            sorts.append(
                page.evaluate("() => document.activeElement.closest('th').getAttribute('aria-sort')")
            )
        assert set(sorts) == {"ascending", "descending"}
        assert page.evaluate(_WHERE) == before


def test_tab_leaves_a_table_of_any_length_after_a_row(lab: Lab) -> None:
    page = lab.page
    lab.go("#/processes")
    tab_to(lab, "main:not([hidden]) [role=region]")
    heads = page.locator("main:not([hidden]) th button").count()
    stops = 0
    while page.evaluate(_INSIDE, "main:not([hidden]) [role=region]"):
        page.keyboard.press("Tab")
        stops += 1
        assert stops <= heads + LINKS_A_ROW_MAX, page.evaluate(_WHERE)
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(_INSIDE, "main:not([hidden]) tbody tr")


def test_every_download_can_be_reached_and_comes(lab: Lab) -> None:
    page = lab.page
    for address in views(lab).values():
        lab.go(address)
        offered = page.locator("main:not([hidden]) .downloads button:visible").count()
        for place in range(offered):
            button = page.locator("main:not([hidden]) .downloads button:visible").nth(place)
            button.focus()
            page.keyboard.press("Shift+Tab")
            page.keyboard.press("Tab")
            lab.drawn()  # tables out of sight follow later
            assert button.evaluate("(at) => at === document.activeElement"), address
            with page.expect_download() as begun:
                page.keyboard.press("Enter")
            page.wait_for_timeout(BETWEEN_DOWNLOADS_MS)
            content = begun.value.path().read_bytes()
            assert content.startswith(STARTS), (address, content[:80])
