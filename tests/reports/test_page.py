"""The page in a real browser: what it shows, what it does, and that it asks nothing of anybody."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from reports import render_html
from reports import report as reporting
from reports.report import Report
from tests.browser import chromium, visit
from tests.reports import hostile
from tests.reports.fleet import (
    GIB,
    MIB,
    Answered,
    Process,
    failure,
    finding,
    grown,
    heap,
    peers,
    run_of,
    runs_in,
    stacks,
)
from tests.reports.outputs import document_of, rows_of

pytestmark = pytest.mark.journey

# What is read is text with its contrast to what lies behind it; WCAG 2.2 AA asks for 4.5.
CONTRAST = """() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (at) => {
    for (; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const at of document.querySelectorAll("body *")) {
    if (![...at.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
    if (at.closest("script, style, [hidden]")) continue;
    const pair = [light(parse(getComputedStyle(at).color)), light(behind(at))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${at.tagName} ${at.textContent.trim().slice(0, 30)}`);
  }
  return poor;
}"""

# What a screen reader needs: names for controls, scopes for headings, one first heading, unique ids.
UNNAMED = """() => {
  const name = (at) => (at.getAttribute("aria-label") || at.textContent || "").trim()
    || [...(at.labels || [])].map((label) => label.textContent).join("").trim()
    || (document.getElementById(at.getAttribute("aria-labelledby")) || {textContent: ""}).textContent.trim();
  const named = "a, button, input, summary, [role=region]";
  const wrong = [...document.querySelectorAll(named)].filter((at) => !name(at));
  const ids = [...document.querySelectorAll("[id]")].map((at) => at.id);
  return [
    ...wrong.map((at) => at.outerHTML.slice(0, 80)),
    ...[...document.querySelectorAll("th:not([scope])")].map((at) => `no scope: ${at.textContent}`),
    ...ids.filter((id, place) => ids.indexOf(id) !== place).map((id) => `twice: ${id}`),
    ...[...document.querySelectorAll("a[href^='#']")].map((at) => at.getAttribute("href").slice(1))
      .filter((id) => !document.getElementById(id)).map((id) => `no target: ${id}`),
    ...(document.querySelectorAll("h1").length === 1 ? [] : ["not one h1"]),
    ...(document.documentElement.lang ? [] : ["no lang"]),
  ];
}"""


FOUND = (finding(100, "alarm"), finding(100), finding(100, "info"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    runs = runs_in(tmp_path_factory.mktemp("runs"))
    hosts = peers((90 * MIB, 100 * MIB, 100 * MIB, 110 * MIB, GIB))
    used = Answered(
        "web6",
        (
            Process(
                *(100, "plain"),
                blocks=(heap(5 * MIB, resident=True), stacks(400, 300 * MIB)),
                rss_anon_bytes=400 * MIB,
                doubted_bytes=41 * MIB,
                largest_guess="anonymous or heap_mmap",
            ),
        ),
        denied=2,
        findings=FOUND,
    )
    run_of(runs, *hosts, used, run_id="20261121T050000Z-prod-0001", started_at="2026-11-21T05:00:00Z")
    run = run_of(
        runs, grown(hosts[0], 200 * MIB), *hosts[1:], used, failures=(failure("db1"), failure("db2"))
    )
    return reporting.report(run)


@pytest.fixture(scope="module")
def page_file(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(report, tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def nasty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = run_of(
        runs_in(tmp_path_factory.mktemp("nasty")), *hostile.fleet(), failures=(failure("=failed()"),)
    )
    return written(reporting.report(run), tmp_path_factory.mktemp("nasty-page"))


def written(report: Report, folder: Path) -> Path:
    file = folder / "index.html"
    file.write_bytes(render_html.render(report))
    return file


def names(page: Page, table: str = "#hosts-table") -> list[str]:
    return [text.split(" ")[0] for text in page.locator(f"{table} tbody tr:visible th bdi").all_inner_texts()]


def open_all(page: Page) -> None:
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")


@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["page_file", "nasty_file"])
def test_it_keeps_to_itself_and_to_its_width(
    browser: Browser, request: pytest.FixtureRequest, which: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    file: Path = request.getfixturevalue(which)
    with visit(browser, file, width=width, scheme=scheme) as seen:
        open_all(seen.page)
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        assert seen.page.evaluate(UNNAMED) == []
        assert seen.page.evaluate(CONTRAST) == []
        assert (seen.messages, seen.requests) == ([], [])


def test_its_policy_stops_what_should_ever_slip_through(
    browser: Browser, page_file: Path, tmp_path: Path
) -> None:
    slipped = '<script>document.title = "owned"</script><img src="http://127.0.0.1:9/x" style="color:red">'
    file = tmp_path / "slipped.html"
    file.write_text(page_file.read_text("utf-8").replace("<main>", f"<main>{slipped}"), "utf-8")
    with visit(browser, file) as seen:
        assert seen.page.title() != "owned"
        assert len([text for text in seen.messages if "Content Security Policy" in text]) == 3


def test_the_figures_on_the_page_are_those_of_report_json(
    browser: Browser, page_file: Path, report: Report
) -> None:
    document, hosts = document_of(report), rows_of(report, "hosts")
    with visit(browser, page_file) as seen:
        for mark, name in (("native", "native_heap"), ("stacks", "stacks")):
            shown = seen.page.locator(f"#total-{mark}").get_attribute("data-v")
            assert shown == str(document["totals"][f"{name}_resident_max_bytes"])
        assert seen.page.locator("#total-hosts").inner_text() == "6 of 8"
        assert names(seen.page) == [row["name"] for row in hosts]
        cells = seen.page.locator("#hosts-table tbody tr td.key")
        by_row = cells.evaluate_all("cells => cells.map((cell) => cell.dataset.v)")
        heaps = [row["native_heap_resident_max_bytes"] for row in hosts]
        assert by_row == [str(heap) for heap in heaps if heap is not None]


def test_without_scripts_all_of_it_is_there(browser: Browser, page_file: Path) -> None:
    with visit(browser, page_file, scripts=False) as seen:
        assert names(seen.page)[0] == "web5"
        assert seen.page.locator("#filter-box").is_hidden()
        seen.page.locator("#h1 > summary").click()
        assert seen.page.locator("#h1 table").first.is_visible()


def test_headings_sort_both_ways_and_the_failed_stay_last(browser: Browser, page_file: Path) -> None:
    with visit(browser, page_file) as seen:
        heading = seen.page.locator("#hosts-table th", has_text="Native heap")
        heading.get_by_role("button").press("Enter")
        assert heading.get_attribute("aria-sort") == "descending"
        assert names(seen.page)[0] == "web5"
        heading.get_by_role("button").press("Enter")
        assert heading.get_attribute("aria-sort") == "ascending"
        assert names(seen.page)[0] == "web6"
        assert names(seen.page)[-2:] == ["db1", "db2"]
        growth = seen.page.locator("#hosts-table th", has_text="Growth")
        growth.get_by_role("button").click()
        assert names(seen.page)[0] == "web1"
        assert heading.get_attribute("aria-sort") is None


def test_stacks_have_a_ranking_of_their_own(browser: Browser, page_file: Path) -> None:
    with visit(browser, page_file) as seen:
        table = seen.page.locator("table", has_text="Most stacks")
        assert table.locator("tbody tr").first.locator("th bdi").inner_text() == "web6"


def test_the_filter_counts_what_is_left(browser: Browser, page_file: Path) -> None:
    with visit(browser, page_file) as seen:
        seen.page.keyboard.press("/")
        seen.page.keyboard.type("WEB5")
        assert names(seen.page) == ["web5"]
        assert seen.page.locator("#shown").inner_text() == "1 of 8 hosts"
        assert seen.page.locator("details.host:visible").count() == 1
        seen.page.locator("#filter").fill("")
        assert len(names(seen.page)) == 8


def test_a_button_shows_what_is_doubtful_and_nothing_else(browser: Browser, page_file: Path) -> None:
    with visit(browser, page_file) as seen:
        strip = seen.page.locator(".strip", has_text="doubtful labels")
        assert "1 process has doubtful labels" in strip.inner_text()
        strip.get_by_role("button", name="Show only these").press("Enter")
        assert names(seen.page) == ["web6"]
        assert seen.page.locator("details.host:visible .who").all_inner_texts() == ["web6"]
        assert "1 doubtful" in seen.page.locator("#hosts-table tbody tr:visible").inner_text()
        assert seen.page.locator("#filter").input_value() == "doubtful"
    with visit(browser, page_file, scripts=False) as seen:
        assert seen.page.locator(".strip button").is_hidden()
        assert "plain (100)" in seen.page.locator(".strip", has_text="doubtful labels").inner_text()


def test_ranges_sort_by_how_far_they_are_apart(browser: Browser, page_file: Path) -> None:
    with visit(browser, page_file) as seen:
        seen.page.locator("#hosts-table th", has_text="By labels").get_by_role("button").click()
        assert names(seen.page)[0] == "web6"
        assert "5.0 MiB to 46.0 MiB" in seen.page.locator("#hosts-table tbody tr").first.inner_text()


def test_an_address_opens_the_host_it_points_at(browser: Browser, page_file: Path) -> None:
    with visit(browser, page_file, anchor="#h2") as seen:
        assert seen.page.locator("#h2").evaluate("at => at.open")
        assert not seen.page.locator("#h3").evaluate("at => at.open")
        seen.page.locator("#hosts-table a", has_text="web3").click()
        # the browser tells the page of its new address a moment later; more than one would fail as well
        seen.page.locator("details.host[open] .who", has_text="web3").wait_for(state="attached")


def test_print_shows_what_was_folded(browser: Browser, page_file: Path) -> None:
    with visit(browser, page_file) as seen:
        seen.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert seen.page.locator("details:not([open])").count() == 0
        seen.page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert seen.page.locator("details[open]").count() == 0
        seen.page.emulate_media(media="print")
        assert seen.page.locator("#filter-box").is_hidden()
