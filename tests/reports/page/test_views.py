"""The views of the page in a real browser: they show what the run has, in its order and its words."""

import csv
import json
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser

from archive.run import Run
from archive.runs import Runs
from reports.page import addresses
from reports.tables.settled import Settled
from reports.text import sizes
from tests.browser import chromium
from tests.reports.fleet import Answered, Process, heap, run_of, runs_in
from tests.reports.page.conftest import written
from tests.reports.page.lab import Lab, opened
from tests.synthetic.closed_run import Fleet, closed_run

pytestmark = pytest.mark.journey

HOSTS = 60
ROWS_DRAWN_MAX = 60
PRINT_ROWS_MAX = 200
ROW_PIXELS_MAX = 32
KIB, MIB, GIB = 2**10, 2**20, 2**30
# At the edges of units and digits, and where a tie is rounded to the even digit.
ODD_BYTES = (
    *(0, 1, 1023, KIB, 1025, 1126, 1280, 1331, 1333, 1024 * 1023, 1024 * 1024 - 51, 1024 * 1024 - 52),
    *(MIB + 256 * KIB, MIB + 768 * KIB, 99 * MIB + 972_000, 100 * MIB - 52_429, 100 * MIB + 512 * KIB),
    *(
        101 * MIB + 512 * KIB,
        1023 * MIB + 996 * KIB,
        GIB,
        3 * GIB + 1,
        1023 * GIB + 900 * MIB,
        5 * 1024 * GIB,
    ),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return closed_run(Runs(str(tmp_path_factory.mktemp("runs"))), Fleet(HOSTS, failed=0.1))


@pytest.fixture(scope="module")
def tables(run: Run) -> Settled:
    return Settled(run)


@pytest.fixture(scope="module")
def file(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(run, tmp_path_factory.mktemp("page") / "page.html")


@pytest.fixture(scope="module")
def lab(browser: Browser, file: Path) -> Iterator[Lab]:
    with opened(browser, file) as seen:
        yield seen
        assert seen.broken() == []


def heads(lab: Lab, grid: str) -> list[str]:
    """The titles of a table's columns."""
    return lab.page.locator(f"{grid} thead th").all_inner_texts()


def column(lab: Lab, grid: str, title: str) -> list[str]:
    """The cells of a column as they are drawn, first row first; rows without the column are left out."""
    place = [text.strip() for text in heads(lab, grid)].index(title)
    rows = lab.page.locator(f"{grid} tbody tr").evaluate_all(
        "(rows, place) => rows.map((row) => row.cells[place]?.textContent ?? '')", place
    )
    return [text for text in rows if text]


def names(lab: Lab, grid: str) -> list[str]:
    """What the first cells of the rows in sight name."""
    return lab.page.locator(f"{grid} tbody th bdi").all_inner_texts()


def sort_by(lab: Lab, grid: str, title: str) -> str:
    """Press a head's button; the order that the table then tells."""
    head = lab.page.locator(f"{grid} thead th", has=lab.page.get_by_role("button", name=title, exact=True))
    head.get_by_role("button").press("Enter")
    lab.drawn()
    return head.get_attribute("aria-sort") or ""


def found(lab: Lab, text: str) -> tuple[int, ...]:
    """Fill the filter; how many hosts, services and processes it tells."""
    lab.page.locator("#filter").fill(text)
    lab.drawn()
    said = lab.page.locator("#shown").inner_text()
    return tuple(int(count.replace(",", "")) for count in re.findall(r"([\d,]+) of", said))


def total(values: pl.Series) -> int:
    """The sum of a column."""
    return int(values.sum())


def shown(tables: Settled) -> pl.DataFrame:
    return pl.concat(part.filter("shown") for part in tables.parts("processes"))


def test_sizes_are_in_the_words_of_the_report(browser: Browser, tmp_path: Path) -> None:
    processes = tuple(
        Process(pid, rss_anon_bytes=2**50, blocks=(heap(amount, resident=pid % 2 == 0),) if amount else ())
        for pid, amount in enumerate(ODD_BYTES, start=1)
    )
    file = written(run_of(runs_in(tmp_path / "runs"), Answered("web1", processes)), tmp_path / "page.html")
    with opened(browser, file, address=f"{addresses.host('web1')}?sort=pid") as lab:
        expected = [
            sizes.size(amount, bound=bool(amount) and pid % 2 == 1)
            for pid, amount in enumerate(ODD_BYTES, start=1)
        ]
        assert column(lab, "#processes-table", "Native heap") == expected


def test_counts_and_times_are_in_the_words_of_the_report(lab: Lab, tables: Settled) -> None:
    lab.go("#/services?sort=service")
    services = {row["service"]: row for row in tables.table("services").iter_rows(named=True)}
    for name, stacks in zip(
        names(lab, "#services-table"), column(lab, "#services-table", "Stacks"), strict=True
    ):
        assert stacks == sizes.number(services[name]["stacks"])
    lab.go("#/processes")
    for up in column(lab, "#processes-table", "Up"):
        assert re.fullmatch(rf"{sizes.DASH}|\d+ s|\d+ min \d+ s|\d+ h \d+ min|\d+ d \d+ h", up)


def test_hosts_stand_in_the_order_of_the_ranking_and_failed_ones_last(lab: Lab, tables: Settled) -> None:
    ranked = tables.table("hosts").sort("place")["name"].to_list()
    lab.go("#/hosts")
    first = names(lab, "#hosts-table")
    assert first == ranked[: len(first)]
    lab.page.locator("main:not([hidden]) .scroll").evaluate("(at) => { at.scrollTop = at.scrollHeight; }")
    lab.drawn()
    last = names(lab, "#hosts-table")
    assert last == ranked[-len(last) :]
    assert last[-1].startswith("lost-")


@pytest.mark.parametrize("title", ["Growth", "Bloat", "Above peers"])
def test_what_is_unknown_stays_last_in_both_directions(lab: Lab, tables: Settled, title: str) -> None:
    lab.go("#/services")
    name = {"Growth": "growth_bytes", "Bloat": "bloat_bytes", "Above peers": "peer_excess_bytes"}[title]
    services = tables.table("services")
    if name not in services.columns:
        lab.go("#/processes")
        grid, values = "#processes-table", shown(tables)[name]
    else:
        grid, values = "#services-table", services[name]
    shows = sizes.growth if name == "growth_bytes" else sizes.size
    for direction, descending in (("descending", True), ("ascending", False)):
        assert sort_by(lab, grid, title) == direction
        cells = column(lab, grid, title)
        assert cells == [
            shows(value) for value in values.sort(descending=descending, nulls_last=True)[: len(cells)]
        ]


def test_only_rows_in_sight_are_elements_and_each_says_its_place(lab: Lab, tables: Settled) -> None:
    lab.go("#/processes")
    rows = shown(tables).height
    grid = lab.page.locator("#processes-table")
    assert grid.get_attribute("aria-rowcount") == str(rows + 1)
    for share in (0, 0.5, 1):
        lab.page.locator("main:not([hidden]) .scroll").evaluate(
            "(at, share) => { at.scrollTop = share * at.scrollHeight; }", share
        )
        lab.drawn()
        places = [
            int(place)
            for place in grid.locator("tbody tr").evaluate_all(
                "(rows) => rows.map((row) => row.ariaRowIndex)"
            )
        ]
        assert places == list(range(places[0], places[0] + len(places)))
        assert len(places) <= ROWS_DRAWN_MAX
    assert places[-1] == rows + 1
    by_heap = shown(tables)["native_heap_resident_max_bytes"].sort(descending=True, nulls_last=True)
    assert column(lab, "#processes-table", "Native heap")[-1].removeprefix("≤ ") == sizes.size(by_heap[-1])


def test_the_filter_tells_what_it_finds_among_hosts_services_and_processes(lab: Lab, tables: Settled) -> None:
    lab.go("#/")
    processes = shown(tables)
    text = pl.concat_str(
        "comm", "exe", "service", "arguments", "unit", "container", separator="\n", ignore_nulls=True
    )
    matched = processes.filter(text.str.to_lowercase().str.contains("redis", literal=True))
    hosts = set(matched["host"]) | {name for name in tables.table("hosts")["name"] if "redis" in name}
    assert matched.height
    named = pl.concat_str("host", "service", "comm", separator="\n", ignore_nulls=True).str.to_lowercase()
    changes = tables.table("changes").filter(named.str.contains("redis", literal=True))
    told = found(lab, "REDIS")
    assert told[:3] == (len(hosts), matched["service"].n_unique(), matched.height)
    assert told[3] == changes.height
    assert set(names(lab, "#fleet-hosts")) <= hosts
    assert lab.page.locator("#searched").inner_text().startswith("Searched: hosts (name, ")
    one = matched["host"][0]
    both = processes.filter(pl.col("host") == one)
    assert found(lab, f'"{one}"')[:3:2] == (1, both.height)
    assert found(lab, f"{one} redis")[:3:2] == (1, matched.filter(pl.col("host") == one).height)
    assert found(lab, "no-such-thing") == (0, 0, 0, 0, 0)  # nor changes and findings
    assert "Nothing here matches the filter." in lab.page.locator("#hosts").inner_text()
    lab.page.locator("#filter").press("Escape")
    assert lab.page.locator("#shown").inner_text() == ""


def test_the_filter_compares_amounts_kinds_and_marks(lab: Lab, tables: Settled) -> None:
    lab.go("#/processes")
    processes = shown(tables)
    heap_ = pl.col("native_heap_resident_max_bytes")
    assert found(lab, "native>64M")[2] == processes.filter(heap_ > 64 * MIB).height
    assert (
        found(lab, "native<=1.5GiB growth<0")[2]
        == processes.filter((heap_ <= 1.5 * GIB) & (pl.col("growth_bytes") < 0)).height
    )
    of_kind = tables.table("process_kinds").filter(pl.col("kind") == "heap_arena").unique(["host", "pid"])
    assert found(lab, "kind:heap_arena")[2] == processes.join(of_kind, on=["host", "pid"], how="semi").height
    assert found(lab, "is:doubtful")[2] == processes.filter(pl.col("doubtful") == "yes").height
    assert found(lab, "is:restarted")[2] == processes.filter(pl.col("restarted") == "yes").height
    assert found(lab, "a>b")[2] == 0


def test_the_filter_names_words_that_look_like_an_amount_a_mark_or_a_kind_and_are_none(lab: Lab) -> None:
    lab.go("#/processes")
    said = lab.page.locator("#shown")
    for typed, odd in (
        ("native>abc", "native>abc"),
        ("native > 1G", ">"),
        ("nativ>1G", "nativ>1g"),
        ("is:doubtfull", "is:doubtfull"),
        ("kind:nonsense app", "kind:nonsense"),
    ):
        lab.page.locator("#filter").fill(typed)
        lab.drawn()
        assert f"No amount, mark or kind of this run: {odd} (" in said.inner_text()
    for typed in ("native>1G", "growth>=-1.5m", "kind:heap_arena", "is:restarted", '"a > b"', "a:b", "java"):
        lab.page.locator("#filter").fill(typed)
        lab.drawn()
        assert "No amount" not in said.inner_text()
    lab.page.locator("#filter").fill("")


def test_filter_sort_and_place_are_in_the_address_and_survive_a_reload(lab: Lab) -> None:
    lab.go("#/processes")
    found(lab, "e")
    assert sort_by(lab, "#processes-table", "RSS") == "descending"
    region = lab.page.locator("main:not([hidden]) .scroll")
    region.evaluate("(at) => { at.scrollTop = 3000; }")
    lab.page.wait_for_url("**sort=-rss_bytes*at=*")
    before = names(lab, "#processes-table"), region.evaluate("(at) => at.scrollTop")
    lab.page.reload()
    lab.page.wait_for_function("performance.getEntriesByName('mapsweep-ready').length")
    lab.drawn()
    after = names(lab, "#processes-table"), region.evaluate("(at) => at.scrollTop")
    assert abs(after[1] - before[1]) < ROW_PIXELS_MAX
    assert set(after[0][2:-2]) <= set(before[0])
    assert lab.page.locator("#processes-table thead th[aria-sort=descending]").inner_text() == "RSS"
    assert lab.page.locator("#filter").input_value() == "e"


def test_back_restores_the_list_that_was_left(lab: Lab) -> None:
    lab.go("#/processes")
    found(lab, "e")
    sort_by(lab, "#processes-table", "Threads")
    lab.page.locator("main:not([hidden]) .scroll").evaluate("(at) => { at.scrollTop = 2000; }")
    lab.drawn()
    left = lab.page.locator("#processes-table tbody th a").nth(12)
    href = left.get_attribute("href")
    left.press("Enter")
    lab.page.locator("h1:focus", has_text="(").wait_for()
    lab.page.go_back()
    lab.page.locator("#processes-table").wait_for()
    lab.drawn()
    assert lab.page.evaluate("() => document.activeElement.getAttribute('href')") == href
    assert lab.page.locator("#filter").input_value() == "e"
    lab.page.go_forward()
    lab.page.locator("#view h1", has_text="(").wait_for()


def test_a_host_has_all_that_the_run_knows_of_it(lab: Lab, tables: Settled) -> None:
    host = tables.table("hosts").sort("place").row(0, named=True)
    lab.go(addresses.host(host["name"]))
    text = lab.page.locator("#view").inner_text()
    assert lab.page.locator("#view h1").inner_text().startswith(host["name"])
    for said in (
        host["os_name"],
        host["labels"],
        sizes.size(host["rss_bytes"]),
        sizes.size(host["mem_total_bytes"]),
    ):
        assert said in text
    own = shown(tables).filter(pl.col("host") == host["name"])
    assert len(names(lab, "#processes-table")) == own.height
    kinds = tables.table("host_kinds").filter(pl.col("host") == host["name"])
    sums = lab.page.locator("#kinds-table tfoot").inner_text()
    assert sizes.size(total(kinds["reserved_bytes"])) in sums
    assert sizes.size(total(kinds["committed_bytes"])) in sums
    parts = lab.page.locator("dl.own dt").all_inner_texts()
    assert parts[0] == "RAM"
    assert "Free" in parts


def test_the_kinds_of_a_process_add_up_to_what_the_kernel_counts(lab: Lab, tables: Settled) -> None:
    process = (
        shown(tables)
        .filter(pl.col("evidence") == "smaps")
        .sort("rss_bytes", descending=True)
        .row(0, named=True)
    )
    kinds = tables.table("process_kinds").filter(host=process["host"], pid=process["pid"])
    lab.go(addresses.process(process["host"], process["pid"]))
    sums = lab.page.locator("#kinds-table tfoot").inner_text()
    for name in ("reserved_bytes", "committed_bytes", "resident_bytes"):
        assert sizes.size(total(kinds[name])) in sums
    checks = lab.page.locator(".check").inner_text()
    assert f"Reserved adds up to {sizes.size(total(kinds['reserved_bytes']))}" in checks
    assert f"Resident adds up to {sizes.size(total(kinds['resident_bytes']))}" in checks
    bound = shown(tables).filter(pl.col("evidence") == "maps").row(0, named=True)
    lab.go(addresses.process(bound["host"], bound["pid"]))
    assert "is a bound for each kind alone" in lab.page.locator(".check").inner_text()


def test_a_service_and_a_kind_list_who_has_it(lab: Lab, tables: Settled) -> None:
    service = tables.table("services").row(0, named=True)
    lab.go(addresses.service(service["service"]))
    members = shown(tables).filter(pl.col("service") == service["service"])
    counts = lab.page.locator("#view .count").all_inner_texts()
    assert any(count.startswith(f"{members.height} process") for count in counts)
    assert sizes.size(service["native_heap_median_bytes"]) in lab.page.locator("#view .headline").inner_text()
    lab.go(addresses.kind("thread_stack"))
    kinds = tables.table("process_kinds").filter(pl.col("kind") == "thread_stack")
    most = (
        kinds.group_by("host", "pid")
        .agg(pl.col("resident_max_bytes").sum())
        .sort("resident_max_bytes", descending=True)
    )
    assert (
        lab.page.locator("#view .count").first.inner_text().startswith(f"{sizes.number(most.height)} process")
    )
    top = column(lab, "#processes-table", "At most resident")[0].removeprefix("≤ ")
    assert top == sizes.size(most["resident_max_bytes"][0])


@pytest.mark.parametrize(
    "address",
    ["#/nosuch", "#/host/nosuch", "#/host", "#/service/%", "#/kind/__proto__", "#/host/a/b/c", "#/%E0%A4%A"],
)
def test_an_address_of_nothing_says_so_and_leads_to_the_fleet(lab: Lab, address: str) -> None:
    lab.go(address)
    assert lab.page.locator("#view h1").inner_text() == "Nothing has this address"
    lab.page.locator("#view").get_by_role("link", name="To the fleet").click()
    lab.page.locator("#fleet").wait_for()


def test_a_process_that_is_not_in_the_page_is_one_command_away(lab: Lab, run: Run, tables: Settled) -> None:
    name = tables.table("hosts").sort("place")["name"][0]
    lab.go(addresses.process(name, 4194303))
    assert f"mapsweep show {name}/4194303 --run {run.run_id}" in lab.page.locator("#view").inner_text()


def test_print_shows_the_view_in_sight_up_to_a_limit_that_it_tells(lab: Lab, tables: Settled) -> None:
    lab.go("#/processes")
    lab.page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    rows = lab.page.locator("#processes-table tbody tr")
    assert rows.count() == PRINT_ROWS_MAX < shown(tables).height
    lab.page.emulate_media(media="print")
    told = f"the first {PRINT_ROWS_MAX} of {shown(tables).height} rows"
    assert told in lab.page.locator("#view .printed").inner_text()
    assert "Filter" not in lab.page.locator("#view .printed").inner_text()
    assert lab.page.locator("#bar").is_hidden()
    lab.page.emulate_media(media="screen")
    lab.page.evaluate("() => dispatchEvent(new Event('afterprint'))")
    assert rows.count() <= ROWS_DRAWN_MAX


def test_what_is_printed_names_the_filter(lab: Lab) -> None:
    lab.go("#/processes?find=app%20native%3E1M")
    lab.page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    lab.page.emulate_media(media="print")
    assert "Filter: app native>1M." in lab.page.locator("#view .printed").inner_text()
    lab.page.emulate_media(media="screen")
    lab.page.evaluate("() => dispatchEvent(new Event('afterprint'))")


def test_a_browser_that_cannot_unpack_the_data_keeps_the_first_screen(browser: Browser, file: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script("delete window.DecompressionStream")
    page.goto(file.resolve().as_uri())
    assert "DecompressionStream is missing" in page.locator(".strip", has_text="cannot unpack").inner_text()
    assert page.locator("#hosts tbody tr").count() > 1
    context.close()


def test_damaged_data_are_told_and_the_first_screen_stays(
    browser: Browser, file: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.html"
    text = file.read_text("utf-8")
    start = text.index('id="data">') + len('id="data">')
    damaged.write_text(text[: start + 400] + text[start + 800 :], "utf-8")
    context = browser.new_context()
    page = context.new_page()
    page.goto(damaged.as_uri())
    page.locator(".strip", has_text="cannot be read").wait_for()
    assert page.locator("#hosts tbody tr").count() > 1
    context.close()


def test_tab_stops_at_one_row_of_a_table_and_the_arrows_lead_to_the_others(lab: Lab) -> None:
    lab.go("#/processes")
    rows = "#processes-table tbody tr:has(a:not([tabindex='-1']))"
    assert lab.page.locator(rows).count() == 1
    lab.page.locator(f"{rows} th a").focus()
    for place in range(1, 60):
        lab.page.keyboard.press("ArrowDown")
        at = lab.page.evaluate("() => document.activeElement.closest('tr').ariaRowIndex")
        assert at == str(place + 2)
    assert lab.page.locator(rows).count() == 1
    lab.page.locator("main:not([hidden]) .scroll").evaluate("(at) => { at.scrollTop = 0; }")
    lab.drawn()
    assert lab.page.locator(rows).get_attribute("aria-rowindex") == "2"


def test_another_size_of_the_window_keeps_the_row_that_has_the_focus(lab: Lab) -> None:
    lab.go("#/processes")
    for _ in range(40):
        lab.page.keyboard.press("j")
    left = lab.page.evaluate("() => document.activeElement.getAttribute('href')")
    lab.page.set_viewport_size({"width": 700, "height": 500})
    lab.drawn()
    lab.drawn()
    assert lab.page.evaluate("() => document.activeElement.getAttribute('href')") == left
    lab.page.set_viewport_size({"width": 1280, "height": 900})


_LEFT_BEFORE_IT_IS_KEPT = """([button, hash]) => {
  const [later, real] = [[], window.setTimeout];
  window.setTimeout = (what) => { later.push(what); return 0; };
  document.querySelector(button).click();
  window.setTimeout = real;
  location.hash = hash;
  later.forEach((what) => what());
  return later.length;
}"""


def test_an_address_that_was_left_at_once_does_not_come_back(lab: Lab) -> None:
    """As on a busy machine: a sort is kept in the address after the reader has gone on to another one."""
    lab.go("#/processes")
    assert lab.page.evaluate(_LEFT_BEFORE_IT_IS_KEPT, ["#processes-table thead button", "#/services"])
    lab.drawn()
    lab.drawn()
    assert lab.page.evaluate("() => location.hash") == "#/services"
    assert lab.page.locator("main:not([hidden]) #services-table").count() == 1


def test_downloads_have_the_rows_that_the_filter_left_in_their_order(lab: Lab, tables: Settled) -> None:
    lab.go("#/processes?find=native%3E64M&sort=-rss_bytes")
    expected = (
        shown(tables)
        .filter(pl.col("native_heap_resident_max_bytes") > 64 * MIB)
        .sort("rss_bytes", descending=True, nulls_last=True)
    )
    files = {}
    for form in ("CSV", "JSON"):
        with lab.page.expect_download() as begun:
            lab.page.locator("#view .downloads").get_by_role("button", name=f"as {form}").press("Enter")
        files[form] = begun.value.path().read_text("utf-8")
    said = json.loads(files["JSON"])
    assert said["filter"] == "native>64M"
    rows = list(csv.DictReader(StringIO(files["CSV"], newline="")))
    for name in ("pid", "rss_bytes", "native_heap_resident_max_bytes", "growth_bytes", "swap_bytes"):
        values = expected[name].to_list()
        assert sorted(str(row[name] or "") for row in rows) == sorted(
            "" if v is None else str(v) for v in values
        )
        assert [row["rss_bytes"] for row in said["rows"]] == expected["rss_bytes"].to_list()
    assert {row["host"] for row in rows} == set(expected["host"])
    assert set(rows[0]) == set(said["rows"][0])
