"""The report's page in headless Chromium: how soon it is there, and how soon it answers, at three sizes.

The pages of the demo, of 500 and of 5,000 hosts are opened in turn, in windows of their own, so that a
machine whose speed drifts does not decide the ratios. Without Chromium there are no figures.
"""

import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from archive.runs import Runs
from bench.measure import Figure
from reports import report as reporting
from reports.page import page
from tests.browser import CHROMIUM
from tests.synthetic.closed_run import Fleet, closed_run
from tests.synthetic.news import tell

ROUNDS: Final = 5
HOSTS: Final = (500, 5_000)
PROCESSES: Final = 12
PAGE_KB: Final = {500: 600, 5_000: 5_000}
FCP_RATIO: Final = 2.0  # of the page of 5,000 hosts to that of the demo
READY_RATIO: Final = 5.0
ANSWER_MS: Final = 100.0  # a sort or a keystroke takes at most so much ...
ANSWER_RATIO: Final = 4.0  # ... or so many times what it takes in the demo's page
DEMO_STATUS: Final = 3  # two hosts of the demo fail by design
TYPED: Final = "postgres 10"
READY_S: Final = 60.0

Seen: TypeAlias = dict[str, dict[str, list[float]]]  # page, what was measured, a value a round

_TIMES = """() => ({
  fcp: performance.getEntriesByName("first-contentful-paint")[0].startTime,
  ready: performance.getEntriesByName("mapsweep-ready")[0].startTime,
})"""
_IS_READY = """() => performance.getEntriesByName("mapsweep-ready").length > 0
  && performance.getEntriesByName("first-contentful-paint").length > 0"""
# From an event to the frame that shows what it did.
_PAINTED = """const painted = (act) => new Promise((done) => requestAnimationFrame(() => {
  const begin = performance.now();
  act();
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - begin)));
}));"""
_SORT = f"""async () => {{
  {_PAINTED}
  const heads = [...document.querySelectorAll("main:not([hidden]) .grid")[0].querySelectorAll("th button")];
  const took = [];
  for (const head of heads.slice(1, 7)) took.push(await painted(() => head.click()));
  return took.sort((a, b) => a - b)[Math.floor(took.length / 2)];
}}"""
_KEYS = f"""async (typed) => {{
  {_PAINTED}
  const box = document.querySelector("input[type=search]");
  const took = [];
  const type = async (text) => {{
    took.push(await painted(() => {{ box.value = text; box.dispatchEvent(new Event("input")); }}));
  }};
  for (let end = 1; end <= typed.length; end += 1) await type(typed.slice(0, end));
  for (let end = typed.length - 1; end >= 0; end -= 1) await type(typed.slice(0, end));
  return Math.max(...took);
}}"""
_OPEN = f"""async () => {{
  {_PAINTED}
  const link = document.querySelector("main:not([hidden]) .grid tbody a");
  return painted(() => link.click());
}}"""


def figures() -> Iterator[Figure]:
    """Sizes, times and memory of the pages; none without Chromium."""
    if CHROMIUM is None:
        print("bench: no Chromium is installed, the page is not measured", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder:
        files = {"demo": demo(Path(folder) / "demo")}
        files |= {str(hosts): made(hosts, Path(folder) / str(hosts)) for hosts in HOSTS}
        yield from (
            Figure(f"page_{name}_kb", files[str(name)].stat().st_size / 1000, "kB", PAGE_KB[name])
            for name in HOSTS
        )
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            try:
                yield from compared(rounds(browser, files))
            finally:
                browser.close()


def demo(runs: Path) -> Path:
    """The page of the demo, as `mapsweep demo` writes it."""
    command = [sys.executable, "-m", "mapsweep", "demo", "--runs", str(runs)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    if done.returncode != DEMO_STATUS:
        print(done.stderr, file=sys.stderr)
        raise SystemExit(1)
    return next(runs.glob("*/report/index.html"))


def made(hosts: int, folder: Path) -> Path:
    """The page of a made fleet of so many hosts, with changes, findings and the last 15 runs."""
    run = tell(closed_run(Runs(str(folder / "runs")), Fleet(hosts, PROCESSES)))
    file = folder / "index.html"
    file.write_bytes(page.render(reporting.report(run)))
    return file


def rounds(browser: Browser, files: dict[str, Path], count: int = ROUNDS) -> Seen:
    """What each page took in each round; one round before them is not counted."""
    seen: Seen = {name: defaultdict(list) for name in files}
    for place in range(count + 1):
        for name, file in files.items():
            for what, value in _visit(browser, file).items():
                if place:
                    seen[name][what].append(value)
    return seen


def _visit(browser: Browser, file: Path) -> dict[str, float]:
    """Open a page in a window of its own, sort, type and open a host; ms and MB."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    try:
        page = context.new_page()
        page.goto(file.resolve().as_uri())
        _wait(page)
        times: dict[str, float] = page.evaluate(_TIMES)
        return {
            **times,
            "sort": page.evaluate(_SORT),
            "key": page.evaluate(_KEYS, TYPED),
            "open": page.evaluate(_OPEN),
            "renderer": _renderer_mb(browser),
        }
    finally:
        context.close()


def _wait(page: Page) -> None:
    """Until the page's tables work."""
    for _ in range(int(READY_S / 0.05)):
        if page.evaluate(_IS_READY):
            return
        page.wait_for_timeout(50)
    raise TimeoutError(f"{page.url}: its tables do not work after {READY_S:.0f} s")


def _renderer_mb(browser: Browser) -> float:
    """Resident memory of the largest renderer, which is the one of the page."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    sizes = [psutil.Process(one["id"]).memory_info().rss for one in processes if one["type"] == "renderer"]
    return max(sizes, default=0) / 1e6


def compared(seen: Seen) -> Iterator[Figure]:
    """Medians over the rounds: the times of each page, and the ratios that are held."""
    median = {
        name: {what: statistics.median(values) for what, values in whats.items()}
        for name, whats in seen.items()
    }
    small, large = median["demo"], median[str(HOSTS[-1])]
    for name, whats in median.items():
        for what, value in whats.items():
            bound = max(ANSWER_MS, ANSWER_RATIO * small[what]) if what in {"sort", "key"} else None
            unit = "MB" if what == "renderer" else "ms"
            held = bound if name == str(HOSTS[-1]) else None
            yield Figure(f"page_{name}_{what}_{unit.lower()}", value, unit, held)
    yield Figure("page_fcp_ratio", large["fcp"] / small["fcp"], "ratio", FCP_RATIO)
    yield Figure("page_ready_ratio", large["ready"] / small["ready"], "ratio", READY_RATIO)


def main() -> int:
    """Print the figures; 1 when a bound is not met."""
    missed = []
    for figure in figures():
        print(figure.line(), flush=True)
        if figure.at_most is not None and figure.value > figure.at_most:
            missed.append(figure.name)
    if missed:
        print(f"over their bound: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
