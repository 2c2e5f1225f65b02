"""The page in a real browser, view by view: what it asks for, what it breaks, and who cannot use it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias
from weakref import WeakSet

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Request

Scheme: TypeAlias = Literal["light", "dark"]

WAIT_S = 180.0
ROWS = 6  # of each table that axe-core looks at, unless a test says otherwise
# A policy that stopped something tells so by an event, which is counted from the first byte on.
_WATCH = """
  window.violations = [];
  document.addEventListener("securitypolicyviolation", (event) =>
    window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
_DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
_GO = """(hash) => new Promise((done) => {
  const before = location.href;
  addEventListener("hashchange", () => done(), { once: true });
  location.hash = hash;
  if (location.href === before) done();
})"""
# Once in a document: to read axe-core takes as long as a third of what it does then.
_HAS_AXE = "() => 'axe' in window"
_AXE = "() => axe.run({ resultTypes: ['violations'] }).then((results) => results.violations)"
_BLANK: Final = "about:blank"
_READY = "() => performance.getEntriesByName('mapsweep-ready').length"
# Links of each view, as the page itself has them: the first of each in the fleet, and of a process in a host.
_LINKS = """() => [...document.querySelectorAll("main:not([hidden]) a[href^='#/']")]
  .map((link) => link.getAttribute("href"))"""
_THIN = """(rows) => {
  for (const row of document.querySelectorAll(`main:not([hidden]) tbody tr:nth-child(n + ${rows + 1})`)) {
    row.remove();
  }
}"""
# What sticks out to the right and does not scroll in a box of its own.
_TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  const scrolls = (at) => {
    for (; at && at !== document.body; at = at.parentElement) {
      if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(at).overflowX)) return true;
    }
    return false;
  };
  const out = [...document.querySelectorAll("body *")].filter((at) => {
    const box = at.getBoundingClientRect();
    return box.width && box.right > width + 1 && !scrolls(at) && getComputedStyle(at).position !== "absolute";
  }).map((at) => `${at.tagName}.${at.className} to ${Math.round(at.getBoundingClientRect().right)}`);
  const whole = document.documentElement.scrollWidth;
  return whole > width ? [`the page is ${whole} wide`, ...out] : out;
}"""


@dataclass(slots=True)
class Lab:
    """A page that is open, and what it said and asked for since."""

    page: Page
    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def drawn(self) -> None:
        """Wait until what was changed is on the screen."""
        self.page.evaluate(_DRAWN)

    def go(self, address: str) -> None:
        """Follow an address as a link would, until its view is there.

        On a busy machine frames can be drawn before the page hears of the new address.
        """
        self.page.evaluate(_GO, address)
        self.drawn()

    def links(self) -> list[str]:
        """The addresses that the view in sight links to."""
        found: list[str] = self.page.evaluate(_LINKS)
        return found

    def broken(self) -> list[str]:
        """What the page did that it must not: messages, requests, and what its policy stopped."""
        stopped: list[str] = self.page.evaluate("() => window.violations")
        return [*self.messages, *(f"asked for {url}" for url in self.requests), *stopped]

    def too_wide(self) -> list[str]:
        """What makes the page scroll to the side."""
        found: list[str] = self.page.evaluate(_TOO_WIDE)
        return found[:5]

    def unusable(self, rows: int = ROWS) -> list[str]:
        """What axe-core finds wrong: the rule, the number of places and the first of them.

        All but the first `rows` of each table are taken away before, until it is drawn anew: the rows of
        a table are made alike, and the contrast of all of them takes axe-core many seconds.
        """
        self.page.evaluate(_THIN, rows)
        if not self.page.evaluate(_HAS_AXE):
            self.page.evaluate(AXE_SCRIPT)
        found: list[dict[str, Any]] = self.page.evaluate(_AXE)
        return [_said(violation) for violation in found]


def _said(violation: dict[str, Any]) -> str:
    nodes = violation["nodes"]
    checks = (*nodes[0]["any"], *nodes[0]["all"], *nodes[0]["none"])
    why = " ".join(check["message"] for check in checks)
    return f"{violation['id']}: {len(nodes)} places, the first is {nodes[0]['html'][:200]}: {why[:300]}"


# The windows whose tab shows nothing now: those that run scripts, and those that do not.
_idle: Final[dict[bool, WeakSet[BrowserContext]]] = {True: WeakSet(), False: WeakSet()}


@contextmanager
def _tab(browser: Browser, *, scripts: bool) -> Iterator[Page]:
    """A tab that shows nothing, in a window of its own.

    A new one costs Chromium a process, four times as much as the page that is opened in it. So a tab is used
    again, unless its test failed: it may be in any state then.
    """
    idle = _idle[scripts]
    context = next((one for one in browser.contexts if one in idle), None)
    if context is None:
        context = browser.new_context(java_script_enabled=scripts, offline=True, accept_downloads=True)
        context.new_page().add_init_script(_WATCH)
    idle.discard(context)
    (tab,) = context.pages
    try:
        yield tab
        tab.goto(_BLANK)
    except BaseException:
        context.close()
        raise
    idle.add(context)


@contextmanager
def opened(
    browser: Browser,
    file: Path,
    *,
    width: int = 1280,
    scheme: Scheme = "light",
    address: str = "",
    scripts: bool = True,
) -> Iterator[Lab]:
    """The page from its file, without a network, as soon as its tables work."""
    with _tab(browser, scripts=scripts) as page:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme, media="screen")
        lab, own = Lab(page), file.resolve().as_uri()

        def said(message: ConsoleMessage) -> None:
            lab.messages.append(message.text)

        def failed(error: Error) -> None:
            lab.messages.append(str(error))

        def asked(request: Request) -> None:
            if request.url.split("#")[0] != own:
                lab.requests.append(request.url)

        page.on("console", said)
        page.on("pageerror", failed)
        page.on("request", asked)
        page.goto(own + address)
        if scripts:
            until(lambda: page.evaluate(_READY) > 0, page, "the page sets its mark mapsweep-ready")
            lab.drawn()
        yield lab
        page.remove_listener("console", said)
        page.remove_listener("pageerror", failed)
        page.remove_listener("request", asked)


def until(holds: Callable[[], bool], page: Page, what: str) -> None:
    """Wait for something in the page, without a script of ours in it, which its policy would stop."""
    for _ in range(int(WAIT_S / 0.05)):
        if holds():
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not within {WAIT_S:.0f} s: {what}")


def views(lab: Lab) -> dict[str, str]:
    """An address of every view, by its name, from the links of the page itself."""
    lab.go("#/")
    links = [link.split("?")[0] for link in lab.links()]
    offered = lab.page.locator("#bar nav a").evaluate_all(
        "(links) => links.map((link) => link.getAttribute('href'))"
    )
    found = {address.removeprefix("#/") or "fleet": address for address in offered}
    for view in ("service", "kind"):
        found[view] = _first(links, f"#/{view}/")
    lab.go(found["hosts"])
    found["host"] = _first([link.split("?")[0] for link in lab.links()], "#/host/")
    if "findings" in found:
        lab.go(found["findings"])
        found["finding"] = _first(lab.links(), "#/finding/")
    lab.go(found["host"])
    return found | {"process": _first([link.split("?")[0] for link in lab.links()], found["host"] + "/")}


def _first(links: list[str], start: str) -> str:
    """The first link that goes one step further than this."""
    return next(link for link in links if link.startswith(start) and "/" not in link.removeprefix(start))
